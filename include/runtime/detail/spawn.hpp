#pragma once

#include <new>
#include <type_traits>
#include <utility>

#include <runtime/detail/raw_task.hpp>

namespace runtime {
inline namespace v1 {

template <class T>
class JoinHandle;

namespace detail {

struct HandleAccess {
  template <class T>
  static JoinHandle<T> make(RawJoinHandle&& raw) noexcept {
    return JoinHandle<T>(std::move(raw));
  }
  template <class T>
  static RawJoinHandle raw(JoinHandle<T>&& handle) noexcept {
    return std::move(handle.raw_);
  }
  template <class Abort>
  static Abort abort_handle(const RawJoinHandle& handle) {
    return Abort(handle.share());
  }
  /// join() for a caller whose frame the task borrows: does not return before the task has ended.
  template <class T>
  static T join_borrowed(JoinHandle<T> handle) {
    return static_cast<ResultSlot<T>*>(handle.raw_.take_borrowed())->take();
  }
};

constexpr SpawnRequest plain_request(SpawnRequest::Kind kind, const char* file, unsigned line) noexcept {
  return SpawnRequest{sizeof(SpawnRequest), kind, nullptr, file, line, 0, nullptr, 0, nullptr};
}

/// The one way from a closure to a task: allocate the cell, construct the closure in it with make(place, task), hand it
/// over.
template <class Closure, class Make>
JoinHandle<TaskResult<Closure>> spawn_made(Inner* inner, SpawnRequest request, Make&& make) {
  request.table = &BodyLayout<Closure, TaskResult<Closure>>::kTable;
  const Draft draft = new_draft(inner, request);
  if constexpr (noexcept(make(draft.body, draft.task))) {
    make(draft.body, draft.task);
  } else {
    try {
      make(draft.body, draft.task);
    } catch (...) {
      discard(draft.task);
      throw;
    }
  }
  return HandleAccess::make<TaskResult<Closure>>(launch(draft.task));
}

template <class F>
auto spawn_closure(Inner* inner, const SpawnRequest& request, F&& f) {
  using Closure = std::decay_t<F>;
  return spawn_made<Closure>(inner, request,
                             [&f](void* place, task::Task*) noexcept(std::is_nothrow_constructible_v<Closure, F&&>) {
                               ::new (place) Closure(std::forward<F>(f));
                             });
}

}  // namespace detail
}  // namespace v1
}  // namespace runtime
