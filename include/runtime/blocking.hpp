#pragma once

#include <exception>
#include <functional>
#include <new>
#include <type_traits>
#include <utility>

#include <runtime/detail/lost.hpp>
#include <runtime/detail/cell.hpp>
#include <runtime/detail/spawn.hpp>
#include <runtime/export.hpp>
#include <runtime/task.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// True where offload() has to go to the pool: on a fiber.
RUNTIME_API bool on_fiber() noexcept;
/// Runs call(arg) on the pool and parks until it has returned. `call` keeps exceptions to itself.
RUNTIME_API void offload_raw(void (*call)(void*) noexcept, void* arg);

}  // namespace detail

/// Runs a closure that blocks its thread on the pool of the current runtime, as a task without a fiber.
///
/// abort() takes effect only while the closure is still queued. The closure runs inside the runtime's context, so
/// Handle::current() and spawn() work in it.
///
/// On the runtime's own thread, closure and result lie in a cell, as those of a task do: some 200 bytes and what they
/// need themselves, up to 1 KiB (a larger closure has memory of its own). The runtime keeps the memory of cells until it
/// ends, for the next tasks and closures; so a burst of 100,000 takes its 20 MiB once, and holds them.
///
/// Throws: Error no_runtime; std::system_error when no pool thread exists and none can be created.
/// Thread safety: any thread that has entered the runtime.
template <class F>
auto spawn_blocking(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
  return detail::spawn_closure(nullptr, detail::plain_request(detail::SpawnRequest::blocking, file, line),
                               std::forward<F>(f));
}

/// Runs f on the blocking pool and waits for it: f may borrow the caller's locals, because the caller does not move
/// until f has returned. Its value, its exception and its errno come back.
///
/// Parks: until f has returned, also when the caller is cancelled meanwhile.
/// Throws: what f throws; Error shut_down when the pool is closed; std::system_error when no thread can be had;
/// Cancelled, before f is run or after it has returned.
/// Outside a fiber it simply calls f.
template <class F>
auto offload(F&& f) -> std::invoke_result_t<F&&> {
  using R = std::invoke_result_t<F&&>;
  if (!detail::on_fiber()) return std::invoke(std::forward<F>(f));
  struct Call {
    std::remove_reference_t<F>* closure;
    alignas(detail::ResultSlot<R>) unsigned char slot[sizeof(detail::ResultSlot<R>)];
    std::exception_ptr exception;
    bool has_result = false;

    detail::ResultSlot<R>* result() noexcept { return std::launder(reinterpret_cast<detail::ResultSlot<R>*>(slot)); }
    ~Call() {
      if (has_result) result()->~ResultSlot<R>();
    }
    static void run(void* raw) noexcept {
      Call* call = static_cast<Call*>(raw);
      try {
        if constexpr (std::is_void_v<R>) {
          std::invoke(std::forward<F>(*call->closure));
          ::new (static_cast<void*>(call->slot)) detail::ResultSlot<R>();
        } else if constexpr (std::is_reference_v<R>) {
          ::new (static_cast<void*>(call->slot)) detail::ResultSlot<R>{&std::invoke(std::forward<F>(*call->closure))};
        } else {
          ::new (static_cast<void*>(call->slot)) detail::ResultSlot<R>{std::invoke(std::forward<F>(*call->closure))};
        }
        call->has_result = true;
      } catch (...) {
        call->exception = std::current_exception();
      }
    }
  };
  Call call{&f, {}, nullptr, false};
  try {
    detail::offload_raw(&Call::run, &call);
  } catch (...) {  // the caller is cancelled; what the closure threw meanwhile is not to go with it unheard
    if (call.exception) detail::report_lost("the closure of an offload()", call.exception);
    throw;
  }
  if (call.exception) std::rethrow_exception(std::move(call.exception));
  return call.result()->take();
}

}  // namespace v1
}  // namespace runtime
