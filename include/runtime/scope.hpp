#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <runtime/detail/late_result.hpp>
#include <runtime/detail/spawn.hpp>
#include <runtime/error.hpp>
#include <runtime/export.hpp>
#include <runtime/task.hpp>

namespace runtime {
inline namespace v1 {

class Scope;

namespace detail {

template <class R, class F>
R run_in_scope(F& f);

[[noreturn]] RUNTIME_API void throw_scope_cancelled();

template <class R>
ResultValue<R> take_child(LateResult<R>& result) {
  if (!result.is_full()) throw_scope_cancelled();
  return take_value(result);
}

}  // namespace detail

/// Tasks that end before their scope does: see scope(). Borrowed by the scope's body and by its children.
///
/// Thread safety: owner thread. Owns: its place among the caller's cancellation scopes.
class RUNTIME_API Scope final {
 public:
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// Queues a child on the scope's runtime. It may borrow what outlives the scope, be it in its result. One spawned after
  /// the scope was cancelled is born so.
  ///
  /// The handle may be dropped: the scope waits for the child in any case. The child's error is the scope's.
  /// Throws: std::bad_alloc; Error wrong_thread.
  template <class G>
  auto spawn(G&& g, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return detail::spawn_closure(nullptr, request(file, line), std::forward<G>(g));
  }

  /// Cancels the children, and the waits of the body. scope() then returns as soon as all of them have ended.
  void cancel() noexcept;

 private:
  template <class R, class F>
  friend R detail::run_in_scope(F& f);

  Scope();
  ~Scope();
  RUNTIME_LOCAL task::Children& children() noexcept;
  detail::SpawnRequest request(const char* file, unsigned line) noexcept;
  void run(void (*call)(void*), void* body);

  alignas(8) unsigned char storage_[192];
};

namespace detail {

template <class R, class F>
R run_in_scope(F& f) {
  Scope scope;
  LateResult<R> result;
  auto body = [&] { result.fill([&]() -> R { return std::invoke(f, scope); }); };
  scope.run([](void* call) { (*static_cast<decltype(body)*>(call))(); }, &body);
  if constexpr (!std::is_void_v<R>) {
    if (!result.is_full()) throw_scope_cancelled();
  }
  return result.take();
}

}  // namespace detail

/// Calls f(Scope&) on this fiber, waits until every child that was spawned through the scope has ended, and gives what f
/// gives.
///
/// The body counts as a child. The first error in time cancels all others, the body's waits included, and is thrown once
/// all have ended; errors that come after it belong to their join handles, or are unhandled. A child that was aborted is
/// no error. After Scope::cancel() a void body that was unwound is simply over.
///
/// Parks: until the children have ended, also when the caller is cancelled, since they may borrow from its frame: they are
/// cancelled then.
/// Throws: the first error; Cancelled; Error no_runtime outside a fiber, cancelled when Scope::cancel() has unwound a body
/// that should have given a value.
template <class F>
auto scope(F f) -> std::invoke_result_t<F&, Scope&> {
  return detail::run_in_scope<std::invoke_result_t<F&, Scope&>>(f);
}

namespace detail {

template <class F>
struct RunCall {
  LateCall<F>* call;
  void operator()() const { call->run(); }
};

// (Functions of their own rather than generic lambdas over packs, at which Clang 14 crashes.)
template <class... F, std::size_t... I>
void spawn_calls([[maybe_unused]] Scope& scope, [[maybe_unused]] std::tuple<LateCall<F>...>& calls,
                 std::index_sequence<I...>) {
  (static_cast<void>(scope.spawn(RunCall<F>{&std::get<I>(calls)}, "", 0)), ...);
}

template <class... F, std::size_t... I>
auto take_results([[maybe_unused]] std::tuple<LateCall<F>...>& calls, std::index_sequence<I...>) {
  return std::tuple<ResultValue<std::invoke_result_t<F&&>>...>(take_child(std::get<I>(calls).result)...);
}

}  // namespace detail

/// Runs all functions concurrently, each as a task of its own that may borrow, and gives their results as a tuple, with
/// std::monostate for void and values for references.
///
/// Parks, throws, cancellation: as scope().
template <class... F>
auto join_all_of(F&&... f) -> std::tuple<detail::ResultValue<std::invoke_result_t<F&&>>...> {
  std::tuple<detail::LateCall<F>...> calls(f...);
  constexpr auto kIndices = std::index_sequence_for<F...>();
  scope([&calls, kIndices](Scope& s) { detail::spawn_calls(s, calls, kIndices); });
  return detail::take_results(calls, kIndices);
}

namespace detail {

/// While it lives, the calling code is deaf to cancellation from outside. Does nothing where no fiber runs.
class RUNTIME_API ShieldGuard final {
 public:
  ShieldGuard() noexcept;
  ShieldGuard(const ShieldGuard&) = delete;
  ShieldGuard& operator=(const ShieldGuard&) = delete;
  ~ShieldGuard();

 private:
  bool is_set_;
  alignas(8) unsigned char storage_[64];
};

}  // namespace detail

/// Calls f, and holds back until it returns whatever cancels this task or a scope around the call.
///
/// Scopes inside f, such as a timeout, work as ever; this_task::is_cancelled() tells the truth. A plain thread just calls f.
/// Throws: what f throws.
template <class F>
auto shield(F&& f) -> std::invoke_result_t<F&&> {
  const detail::ShieldGuard guard;
  return std::invoke(std::forward<F>(f));
}

}  // namespace v1
}  // namespace runtime
