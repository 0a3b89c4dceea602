#pragma once

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <runtime/detail/channel_value.hpp>
#include <runtime/detail/raw_watch.hpp>

namespace runtime {
inline namespace v1 {
namespace sync {

/// One value that its sender changes and any number of receivers look at; only the latest counts. For fibers of any
/// runtime and plain threads.
///
/// Nobody waits for those who look: they keep the value they see until they are done, and the next look finds the new one.
/// See: docs.rs/tokio, tokio::sync::watch.
namespace watch {

/// Copies are receivers of their own, which have seen what the original has. One that was moved from can only be assigned
/// to or destroyed.
///
/// Thread safety: may be moved to and used on any thread, by one at a time.
template <class T>
class Receiver final {
 public:
  /// A copy of the value; it does not count as seen.
  T borrow() const {
    return with([](const T& value) { return value; });
  }
  /// Calls f with the value as it is now, without a copy. f may wait.
  template <class F>
  auto with(F&& f) const -> std::invoke_result_t<F, const T&> {
    const detail::RawWatchLook look = raw_.look();
    return std::invoke(std::forward<F>(f), *static_cast<const T*>(look.value()));
  }
  /// A copy of the value, which counts as seen.
  T borrow_and_update() {
    const detail::RawWatchLook look = raw_.look_and_update();
    return *static_cast<const T*>(look.value());
  }
  /// True as soon as there is a value it has not seen, which then counts as seen; false once the sender has gone and the
  /// last value is seen.
  ///
  /// Parks: until then. Throws: Cancelled, nothing counts as seen then.
  bool changed() { return raw_.changed(); }
  /// True when there is a value it has not seen. Never waits.
  bool has_changed() const { return raw_.has_changed(); }
  /// The first value, the present one to begin with, for which is_wanted(const T&) is true; those it was shown count as
  /// seen. nullopt: the sender has gone before.
  ///
  /// Parks: between the values. Throws: what is_wanted or T's copy throws; Cancelled.
  template <class Predicate>
  std::optional<T> wait_for(Predicate is_wanted) {
    raw_.begin_wait();
    for (bool has_waited = false;; has_waited = true) {
      {
        const detail::RawWatchLook look = raw_.look_and_update();
        const T& value = *static_cast<const T*>(look.value());
        if (is_wanted(value)) {
          if (!has_waited) raw_.completed_at_once();
          return value;
        }
      }
      if (!raw_.changed()) return std::nullopt;
    }
  }

 private:
  template <class U>
  friend class Sender;
  explicit Receiver(detail::RawWatchReceiver&& raw) noexcept : raw_(std::move(raw)) {}

  detail::RawWatchReceiver raw_;
};

/// One that was moved from can only be assigned to or destroyed.
///
/// Thread safety: may be moved to any thread; all but moving it, by several at once.
template <class T>
class Sender final {
 public:
  /// Replaces the value and wakes whoever waits for a change. Never waits.
  /// Throws: Error closed when there is no receiver, the value stays then; what T's move throws; std::bad_alloc.
  void send(T&& value) const { raw_.send(&value); }
  void send(const T& value) const { send(T(value)); }
  /// The same, with or without receivers; gives back the former value.
  ///
  /// Parks: while somebody still looks at the former value, if T cannot be copied.
  /// Throws: what T's move or copy throws; std::bad_alloc.
  T send_replace(T value) const {
    detail::Landing<T> former;
    raw_.replace(&value, former.place());
    return *former.take(true);
  }
  /// A copy of the value.
  T borrow() const {
    const detail::RawWatchLook look = raw_.look();
    return *static_cast<const T*>(look.value());
  }
  /// A receiver that has seen the present value.
  Receiver<T> subscribe() const { return Receiver<T>(raw_.subscribe()); }
  /// True while there is no receiver.
  bool is_closed() const { return raw_.is_closed(); }

 private:
  template <class U>
  friend auto channel(U first);
  explicit Sender(detail::WatchChannel* channel) noexcept : raw_(channel) {}

  detail::RawWatchSender raw_;
};

/// The first value counts as seen. Throws: what T's move throws; std::bad_alloc.
template <class T>
auto channel(T first) {
  Sender<T> sender(detail::new_watch(&detail::ValueOf<T>::kType, &first));
  Receiver<T> receiver = sender.subscribe();
  return std::pair<Sender<T>, Receiver<T>>(std::move(sender), std::move(receiver));
}

}  // namespace watch
}  // namespace sync
}  // namespace v1
}  // namespace runtime
