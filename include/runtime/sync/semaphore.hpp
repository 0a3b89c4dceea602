#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <runtime/detail/wait_queue.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// So many permits, and who waits for some. The library alone reads and writes it.
struct Permits {
  constexpr explicit Permits(std::uint64_t count) noexcept : state(count << 2) {}

  std::atomic<std::uint64_t> state;  // permits * 4, + 2: closed, + 1: somebody waits
  WaitQueue queue;
};

}  // namespace detail

namespace sync {

class Semaphore;

/// Permits taken from a semaphore; they return when it goes. The semaphore has to live as long.
///
/// Thread safety: may be moved to and destroyed on any thread, by one thread at a time.
class SemaphorePermit final {
 public:
  SemaphorePermit(SemaphorePermit&& other) noexcept
      : semaphore_(std::exchange(other.semaphore_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  SemaphorePermit& operator=(SemaphorePermit&& other) noexcept;
  ~SemaphorePermit();

  /// Lets go without giving the permits back: the semaphore has so many fewer for good.
  void forget() noexcept {
    semaphore_ = nullptr;
    count_ = 0;
  }
  std::size_t num_permits() const noexcept { return count_; }

 private:
  friend class Semaphore;
  SemaphorePermit(Semaphore& semaphore, std::size_t count) noexcept : semaphore_(&semaphore), count_(count) {}

  Semaphore* semaphore_;  // null: nothing to give back
  std::size_t count_;
};

/// A number of permits, shared by fibers of any runtime and plain threads.
///
/// First come, first served: one who wants many and stands first collects what is given back, and those behind him wait
/// although fewer would do for them. One who is cancelled passes on what he has collected.
/// Not to be destroyed while somebody waits in it: that is reported, and ends the program.
/// Thread safety: any thread. See: docs.rs/tokio, tokio::sync::Semaphore.
class RUNTIME_API Semaphore final {
 public:
  static constexpr std::size_t kMaxPermits = (std::size_t{1} << 61) - 1;

  /// Throws: Error invalid_argument above kMaxPermits.
  explicit Semaphore(std::size_t permits);
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  /// Takes one permit, or n at once.
  ///
  /// Parks: until they are there and everybody who came before has his.
  /// Throws: Error closed, invalid_argument for more than kMaxPermits; Cancelled. None is taken then.
  SemaphorePermit acquire() { return acquire_many(1); }
  SemaphorePermit acquire_many(std::size_t n) {
    take(n);
    return SemaphorePermit(*this, n);
  }
  /// nullopt: not so many are free, or they belong to those who wait. Throws: Error closed.
  std::optional<SemaphorePermit> try_acquire() { return try_acquire_many(1); }
  std::optional<SemaphorePermit> try_acquire_many(std::size_t n) {
    return try_take(n) ? std::optional<SemaphorePermit>(SemaphorePermit(*this, n)) : std::nullopt;
  }

  /// Also on a closed one. Throws: Error invalid_argument when there would be more than kMaxPermits.
  void add_permits(std::size_t n);
  /// Takes up to n free permits away for good, and says how many.
  std::size_t forget_permits(std::size_t n) noexcept;
  std::size_t available_permits() const noexcept;
  /// From now on nothing can be acquired: whoever waits ends with Errc::closed.
  void close() noexcept;
  bool is_closed() const noexcept;

 private:
  friend class SemaphorePermit;
  void take(std::size_t n);
  bool try_take(std::size_t n);
  void give_back(std::size_t n) noexcept;

  detail::Permits permits_;
};

inline SemaphorePermit::~SemaphorePermit() {
  if (semaphore_ != nullptr) semaphore_->give_back(count_);
}

inline SemaphorePermit& SemaphorePermit::operator=(SemaphorePermit&& other) noexcept {
  if (this != &other) {
    if (semaphore_ != nullptr) semaphore_->give_back(count_);
    semaphore_ = std::exchange(other.semaphore_, nullptr);
    count_ = std::exchange(other.count_, 0);
  }
  return *this;
}

}  // namespace sync
}  // namespace v1
}  // namespace runtime
