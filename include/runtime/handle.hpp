#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <runtime/detail/raw_task.hpp>
#include <runtime/detail/root_scope.hpp>
#include <runtime/detail/spawn.hpp>
#include <runtime/dump.hpp>
#include <runtime/error.hpp>
#include <runtime/export.hpp>
#include <runtime/metrics.hpp>
#include <runtime/runtime_id.hpp>
#include <runtime/task.hpp>

namespace runtime {
inline namespace v1 {

/// Makes a runtime the current one of this thread while it lives: Handle::current(), spawn() and the like use it.
/// It drives nothing.
///
/// Guards are released in the reverse order of their making; breaking that order is reported and terminates.
/// Thread safety: made and destroyed on one thread, any thread.
class RUNTIME_API EnterGuard final {
 public:
  EnterGuard(const EnterGuard&) = delete;
  EnterGuard& operator=(const EnterGuard&) = delete;
  ~EnterGuard();

 private:
  friend class Handle;
  friend class LocalRuntime;
  explicit EnterGuard(detail::Inner* inner);

  detail::Inner* inner_;
  alignas(void*) unsigned char entry_[2 * sizeof(void*)];
};

/// A runtime as any thread may know it. Copyable, and may outlive the runtime: spawning then gives handles that are
/// already finished, with a JoinError.
///
/// Thread safety: any thread, except where a function says owner thread.
/// Owns: the memory the runtime shares with its handles; not the runtime.
class RUNTIME_API Handle final {
 public:
  Handle(const Handle& other) noexcept;
  Handle& operator=(const Handle& other) noexcept;
  ~Handle();

  /// The runtime this thread is in. Throws: Error no_runtime.
  static Handle current();
  static std::optional<Handle> try_current() noexcept {
    detail::Inner* inner = current_inner();
    return inner != nullptr ? std::optional<Handle>(Handle(inner)) : std::nullopt;
  }

  /// Moves f to the owner thread and runs it there as a task. Throws: std::bad_alloc.
  template <class F>
  auto spawn(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) const {
    return detail::spawn_closure(inner_, detail::plain_request(detail::SpawnRequest::any_thread, file, line),
                                 std::forward<F>(f));
  }
  /// Owner thread. Throws: Error wrong_thread elsewhere, even when the runtime is gone.
  template <class F>
  auto spawn_local(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) const {
    return detail::spawn_closure(inner_, detail::plain_request(detail::SpawnRequest::local, file, line),
                                 std::forward<F>(f));
  }
  /// As the free function, on this runtime's pool.
  template <class F>
  auto spawn_blocking(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) const {
    return detail::spawn_closure(inner_, detail::plain_request(detail::SpawnRequest::blocking, file, line),
                                 std::forward<F>(f));
  }
  /// On the owner thread: as LocalRuntime::block_on. On any other: spawn(f), and wait for it here. f may borrow the
  /// caller's locals; if the caller is cancelled meanwhile, the task is too, and waited for.
  template <class F>
  auto block_on(F&& f) const -> std::invoke_result_t<F&&> {
    if (is_owner()) return detail::run_as_root(inner_, std::forward<F>(f));
    return detail::HandleAccess::join_borrowed(spawn(std::forward<F>(f)));
  }

  [[nodiscard]] EnterGuard enter() const { return EnterGuard(inner_); }
  /// Throws: std::bad_alloc when a histogram is kept.
  RuntimeMetrics metrics() const;
  /// What every task is doing now.
  ///
  /// On another thread it waits, parking a fiber, until the owner thread looks at its driver: while it is outside block_on
  /// and run_ready(), for as long as that lasts. The owner is stopped only while call stacks are copied; naming them is the
  /// caller's work. Of a runtime that has been shut down: empty.
  /// Throws: std::bad_alloc. Cancellation: ends the wait.
  Dump dump() const;
  RuntimeId id() const noexcept;
  /// The name given to the builder; empty if there is none. Valid as long as this handle.
  std::string_view name() const noexcept;
  bool is_shut_down() const noexcept;

 private:
  friend class LocalRuntime;
  explicit Handle(detail::Inner* inner) noexcept;
  static detail::Inner* current_inner() noexcept;
  bool is_owner() const noexcept;

  detail::Inner* inner_;
};

}  // namespace v1
}  // namespace runtime
