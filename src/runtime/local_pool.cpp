#include <runtime/local_pool.hpp>

#include <algorithm>
#include <exception>
#include <utility>

#include <runtime/error.hpp>

#include "base/signal_text.hpp"
#include "io/offload.hpp"
#include "runtime/local_worker.hpp"
#include "task/park.hpp"

namespace runtime::inline v1 {
namespace {

// Starting and stopping threads takes time: on a fiber it is done on the blocking pool, and only that fiber waits. Where
// the pool takes nothing, the call is made here.
template <class Call>
void call_aside(Call call) noexcept {
  const auto run = [](void* raw) noexcept { (*static_cast<Call*>(raw))(); };
  if (task::parkable() == nullptr || io::offload(run, &call) != 0) call();
}

}  // namespace

class LocalPool::Impl final {
 public:
  /// Throws: std::system_error, std::bad_alloc; the workers that have started end then.
  Impl(std::size_t threads, const Builder& builder) : workers_(threads) {
    std::exception_ptr failure;
    call_aside([&]() noexcept {
      try {
        start(builder);
      } catch (...) {
        failure = std::current_exception();
        stop();
      }
    });
    if (failure) std::rethrow_exception(std::move(failure));
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker.is_this_thread(); })) {
      base::SignalText text;
      text << "runtime: a LocalPool was destroyed on one of its own threads, which would wait for its own end; destroy it "
              "on another one. The program ends.\n";
      text.write();
      std::terminate();
    }
    call_aside([this]() noexcept { stop(); });
  }

  std::size_t size() const noexcept { return workers_.size(); }
  detail::LocalWorker& at(std::size_t index) {
    if (index >= workers_.size()) {
      throw Error(Errc::invalid_argument, "LocalPool::spawn_pinned_by_idx() takes an index below num_threads()");
    }
    return workers_[index];
  }

  /// Counts the task it is asked for.
  detail::LocalWorker& least_loaded() noexcept {
    for (;;) {
      const auto least = std::min_element(workers_.begin(), workers_.end(), [](const auto& a, const auto& b) {
        return a.load.load(std::memory_order_relaxed) < b.load.load(std::memory_order_relaxed);
      });
      // Two who ask at once must not both take the one that was free a moment ago.
      std::size_t seen = least->load.load(std::memory_order_seq_cst);
      const bool is_least = std::none_of(workers_.begin(), workers_.end(), [seen](const auto& worker) {
        return worker.load.load(std::memory_order_relaxed) < seen;
      });
      if (is_least && least->load.compare_exchange_strong(seen, seen + 1, std::memory_order_seq_cst)) return *least;
    }
  }

 private:
  void start(const Builder& builder) {
    for (auto& worker : workers_) worker.start(builder);
    for (auto& worker : workers_) worker.wait_until_ready();
  }
  void stop() noexcept {
    for (auto& worker : workers_) worker.ask_to_stop();
    for (auto& worker : workers_) worker.join();
  }

  std::vector<detail::LocalWorker> workers_;  // never resized
};

LocalPool::LocalPool(std::size_t threads, const Builder& builder) {
  if (threads == 0) throw Error(Errc::invalid_argument, "LocalPool takes a number of threads above zero");
  impl_ = std::make_unique<Impl>(threads, builder);
}

LocalPool::LocalPool(LocalPool&&) noexcept = default;
LocalPool& LocalPool::operator=(LocalPool&&) noexcept = default;
LocalPool::~LocalPool() = default;

LocalPool::Worker LocalPool::choose() const {
  detail::LocalWorker& worker = impl().least_loaded();
  return {&worker.handle(), &worker.load};
}

LocalPool::Worker LocalPool::choose(std::size_t index) const {
  detail::LocalWorker& worker = impl().at(index);
  worker.load.fetch_add(1, std::memory_order_seq_cst);
  return {&worker.handle(), &worker.load};
}

std::size_t LocalPool::num_threads() const { return impl().size(); }

std::size_t LocalPool::load_of(std::size_t index) const { return impl().at(index).load.load(std::memory_order_seq_cst); }

LocalPool::Impl& LocalPool::impl() const {
  if (impl_ == nullptr) throw Error(Errc::shut_down, "a LocalPool that has been moved from was used");
  return *impl_;
}

}  // namespace runtime::inline v1
