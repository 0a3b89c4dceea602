#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <runtime/detail/late_result.hpp>
#include <runtime/detail/raw_task.hpp>
#include <runtime/detail/spawn.hpp>
#include <runtime/export.hpp>
#include <runtime/task.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

class JoinSetCore;

/// The erased half of JoinSet<T>. Owns: the join handles of its tasks.
class RUNTIME_API RawJoinSet final {
 public:
  RawJoinSet();
  RawJoinSet(RawJoinSet&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  RawJoinSet& operator=(RawJoinSet&& other) noexcept {
    RawJoinSet incoming(std::move(other));  // takes what is ours with it when it goes
    std::swap(core_, incoming.core_);
    return *this;
  }
  ~RawJoinSet();  // aborts all

  /// Room for one more task, so that add() cannot fail. Throws: std::bad_alloc.
  void reserve();
  void add(RawJoinHandle&& handle) noexcept;

  /// The handle of a task that has ended, taken out of the set; false if the set is empty, or, unless `wait`, if none has
  /// ended. Throws: Cancelled.
  bool take_ended(RawJoinHandle& ended, bool wait);

  void abort_all() noexcept;
  void detach_all() noexcept;
  void shutdown();
  std::size_t size() const noexcept;

 private:
  JoinSetCore* core_;
};

}  // namespace detail

/// Tasks that are joined as they end. Destroying the set aborts those that are left.
///
/// Thread safety: may be moved to and used on any thread, by one thread and one fiber at a time.
template <class T>
class JoinSet final {
 public:
  /// Throws: std::bad_alloc.
  JoinSet() = default;
  JoinSet(JoinSet&&) noexcept = default;
  JoinSet& operator=(JoinSet&&) noexcept = default;

  /// As the free functions of the same names, on the current runtime.
  template <class F>
  AbortHandle spawn_local(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return add(detail::SpawnRequest::local, std::forward<F>(f), file, line);
  }
  template <class F>
  AbortHandle spawn(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return add(detail::SpawnRequest::any_thread, std::forward<F>(f), file, line);
  }
  template <class F>
  AbortHandle spawn_blocking(F&& f, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return add(detail::SpawnRequest::blocking, std::forward<F>(f), file, line);
  }

  /// Waits until some task has ended, takes it out of the set and gives its result: in the order in which they ended.
  /// nullopt (false for void) when the set is empty.
  ///
  /// Parks: until one has ended. Throws: what left the task; JoinError if it was cancelled; Cancelled when the caller is:
  /// no task is lost then.
  auto join_next() { return next(true); }
  /// The same without waiting: nullopt (false) also when no task has ended yet.
  auto try_join_next() { return next(false); }
  /// join_next() with the task's id: optional<pair<TaskId, T>>, or optional<TaskId> for void.
  auto join_next_with_id() {
    detail::RawJoinHandle ended;
    if constexpr (std::is_void_v<T>) {
      if (!raw_.take_ended(ended, true)) return std::optional<TaskId>();
      ended.take_ended();
      return std::optional<TaskId>(ended.id());
    } else {
      using Pair = std::pair<TaskId, Value>;
      if (!raw_.take_ended(ended, true)) return std::optional<Pair>();
      const TaskId id = ended.id();
      return std::optional<Pair>(Pair(id, take(ended)));
    }
  }
  /// Waits for all tasks: their results in the order in which they ended (nothing for void). The first failure is thrown
  /// at once, and the rest stays in the set.
  auto join_all() {
    if constexpr (std::is_void_v<T>) {
      while (next(true)) {
      }
    } else {
      std::vector<Value> results;
      results.reserve(size());
      while (auto value = next(true)) results.push_back(*std::move(value));
      return results;
    }
  }

  /// Aborts every task; they stay in the set until they are joined.
  void abort_all() noexcept { raw_.abort_all(); }
  /// Empties the set; the tasks run on.
  void detach_all() noexcept { raw_.detach_all(); }
  /// Aborts every task and waits until all have ended; their results are dropped.
  ///
  /// Parks: until then. Throws: Cancelled, when the caller is; what is left stays in the set.
  void shutdown() { raw_.shutdown(); }

  /// Tasks that have not been joined.
  std::size_t size() const noexcept { return raw_.size(); }
  bool empty() const noexcept { return size() == 0; }

 private:
  using Value = detail::ResultValue<T>;

  static T take(detail::RawJoinHandle& ended) { return static_cast<detail::ResultSlot<T>*>(ended.take_ended())->take(); }

  auto next(bool wait) {
    detail::RawJoinHandle ended;
    const bool found = raw_.take_ended(ended, wait);
    if constexpr (std::is_void_v<T>) {
      if (found) ended.take_ended();
      return found;
    } else {
      return found ? std::optional<Value>(take(ended)) : std::optional<Value>();
    }
  }

  template <class F>
  AbortHandle add(detail::SpawnRequest::Kind kind, F&& f, const char* file, unsigned line) {
    static_assert(std::is_convertible_v<std::invoke_result_t<std::decay_t<F>>, T>, "the tasks of a JoinSet<T> give T");
    raw_.reserve();
    detail::RawJoinHandle handle;
    if constexpr (std::is_same_v<detail::TaskResult<F>, T>) {
      handle = detail::HandleAccess::raw(
          detail::spawn_closure(nullptr, detail::plain_request(kind, file, line), std::forward<F>(f)));
    } else {
      handle = detail::HandleAccess::raw(detail::spawn_closure(
          nullptr, detail::plain_request(kind, file, line),
          [closure = std::decay_t<F>(std::forward<F>(f))]() mutable -> T { return std::invoke(std::move(closure)); }));
    }
    AbortHandle abort = detail::HandleAccess::abort_handle<AbortHandle>(handle);
    raw_.add(std::move(handle));
    return abort;
  }

  detail::RawJoinSet raw_;
};

}  // namespace v1
}  // namespace runtime
