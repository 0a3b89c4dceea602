#pragma once

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include <runtime/detail/spawn.hpp>
#include <runtime/export.hpp>
#include <runtime/task.hpp>

namespace runtime {
inline namespace v1 {

class TaskTracker;

namespace detail {

class TrackerState;

/// One tracked task, part of its closure: destroyed after everything the closure has captured.
class RUNTIME_API TrackerTicket final {
 public:
  explicit TrackerTicket(TrackerState* state) noexcept;
  TrackerTicket(const TrackerTicket&) = delete;
  TrackerTicket& operator=(const TrackerTicket&) = delete;
  ~TrackerTicket();

 private:
  TrackerState* state_;
};

template <class G>
struct Tracked {
  TrackerTicket ticket;
  G closure;
  decltype(auto) operator()() && { return std::invoke(std::move(closure)); }
};

}  // namespace detail

/// Counts tasks, so that one can wait until all of them have ended. It keeps neither their handles nor their results.
///
/// Copies share one count. Destroying the tracker leaves its tasks alone.
/// Thread safety: any thread. Shared: the count, by copies and by the tasks that are counted.
class RUNTIME_API TaskTracker final {
 public:
  /// Open, with no task. Throws: std::bad_alloc.
  TaskTracker();
  TaskTracker(const TaskTracker& other) noexcept;
  TaskTracker& operator=(const TaskTracker& other) noexcept;
  ~TaskTracker();

  /// As the free functions of the same names; the task counts until its captures are destroyed. Works when closed, too.
  template <class G>
  auto spawn_local(G&& g, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return track(detail::SpawnRequest::local, std::forward<G>(g), file, line);
  }
  template <class G>
  auto spawn(G&& g, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return track(detail::SpawnRequest::any_thread, std::forward<G>(g), file, line);
  }
  template <class G>
  auto spawn_blocking(G&& g, const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return track(detail::SpawnRequest::blocking, std::forward<G>(g), file, line);
  }

  /// Lets wait() return once no task is left. False if it was closed already.
  bool close() noexcept;
  /// Takes that back. False if it was open.
  bool reopen() noexcept;
  bool is_closed() const noexcept;
  /// Tasks that have not ended.
  std::size_t size() const noexcept;
  bool empty() const noexcept { return size() == 0; }

  /// Waits for a moment in which the tracker is closed and has no task.
  ///
  /// Parks: until then. Throws: Cancelled, when the caller is.
  void wait() const;

 private:
  template <class G>
  auto track(detail::SpawnRequest::Kind kind, G&& g, const char* file, unsigned line) {
    using Closure = detail::Tracked<std::decay_t<G>>;
    return detail::spawn_made<Closure>(nullptr, detail::plain_request(kind, file, line),
                                       [&](void* place, task::Task*) {
                                         ::new (place) Closure{detail::TrackerTicket(state_), std::forward<G>(g)};
                                       });
  }

  detail::TrackerState* state_;
};

}  // namespace v1
}  // namespace runtime
