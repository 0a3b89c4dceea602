#pragma once

#include <cstddef>

#include <runtime/detail/wait_queue.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace sync {

/// What one who waited at a barrier learns.
class BarrierWaitResult final {
 public:
  /// True for exactly one of those who went on together: the last to arrive.
  bool is_leader() const noexcept { return is_leader_; }

 private:
  friend class Barrier;
  explicit BarrierWaitResult(bool is_leader) noexcept : is_leader_(is_leader) {}

  bool is_leader_;
};

/// Lets n fibers or threads go on together, again and again.
///
/// One who is cancelled while he waits has not arrived: the others wait for somebody else.
/// Not to be destroyed while somebody waits in it: that is reported, and ends the program.
/// Thread safety: any thread. See: docs.rs/tokio, tokio::sync::Barrier.
class RUNTIME_API Barrier final {
 public:
  /// 0 behaves as 1: nobody waits.
  constexpr explicit Barrier(std::size_t n) noexcept : n_(n) {}
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;

  /// Parks: until n have arrived. Throws: Cancelled.
  BarrierWaitResult wait();

 private:
  const std::size_t n_;
  std::size_t waiting_ = 0;  // guarded by queue_.lock
  detail::WaitQueue queue_;
};

}  // namespace sync
}  // namespace v1
}  // namespace runtime
