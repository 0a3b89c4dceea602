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
  /// join() for a caller whose frame the task borrows: does not return before the task has ended.
  template <class T>
  static T join_borrowed(JoinHandle<T> handle) {
    return static_cast<ResultSlot<T>*>(handle.raw_.take_borrowed())->take();
  }
};

constexpr SpawnRequest plain_request(SpawnRequest::Kind kind, const char* file, unsigned line) noexcept {
  return SpawnRequest{sizeof(SpawnRequest), kind, nullptr, file, line, 0, nullptr, 0};
}

/// The one way from a closure to a task: allocate the cell, construct the closure in it, hand it over.
template <class F>
JoinHandle<TaskResult<F>> spawn_closure(Inner* inner, SpawnRequest request, F&& f) {
  using Closure = std::decay_t<F>;
  using Layout = BodyLayout<Closure, TaskResult<F>>;
  request.table = &Layout::kTable;
  const Draft draft = new_draft(inner, request);
  if constexpr (std::is_nothrow_constructible_v<Closure, F&&>) {
    ::new (draft.body) Closure(std::forward<F>(f));
  } else {
    try {
      ::new (draft.body) Closure(std::forward<F>(f));
    } catch (...) {
      discard(draft.task);
      throw;
    }
  }
  return HandleAccess::make<TaskResult<F>>(launch(draft.task));
}

}  // namespace detail
}  // namespace v1
}  // namespace runtime
