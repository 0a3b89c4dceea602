#include "task/current.hpp"

#include <atomic>

namespace runtime::inline v1::task {

constinit thread_local ThreadState thread_state RUNTIME_TLS;

std::uint64_t assign_thread_number() noexcept {
  static constinit std::atomic<std::uint64_t> last{0};
  thread_state.thread = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return thread_state.thread;
}

}  // namespace runtime::inline v1::task
