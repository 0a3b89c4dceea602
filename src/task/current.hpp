#pragma once

#include <cstdint>

#include "base/compiler.hpp"

namespace runtime::inline v1::detail {
struct Binding;
}

namespace runtime::inline v1::task {

class Task;

/// What this thread is running. Constant-initialised and reached through %fs: one instruction to read.
struct ThreadState {
  Task* running = nullptr;      // the task, root or blocking closure on this thread; null between tasks
  std::uint64_t thread = 0;     // number of this thread, unique in the process; 0: not asked for yet
  detail::Binding* bindings = nullptr;  // of task-locals, for code that runs on no fiber
};

extern constinit thread_local ThreadState thread_state RUNTIME_TLS;

std::uint64_t assign_thread_number() noexcept;

/// A number that no other thread of this process has or had. (Addresses and thread ids are used again.)
inline std::uint64_t this_thread() noexcept {
  const std::uint64_t number = thread_state.thread;
  return RUNTIME_LIKELY(number != 0) ? number : assign_thread_number();
}

inline Task* current() noexcept { return thread_state.running; }

}  // namespace runtime::inline v1::task
