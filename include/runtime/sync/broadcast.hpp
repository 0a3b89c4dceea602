#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include <runtime/detail/channel_value.hpp>
#include <runtime/detail/duration.hpp>
#include <runtime/detail/raw_broadcast.hpp>
#include <runtime/error.hpp>

namespace runtime {
inline namespace v1 {
namespace sync {

/// Every value goes to every receiver, as a copy. For fibers of any runtime and plain threads.
///
/// The last `capacity` values are kept. Sending never waits: a receiver that has not taken the oldest one when it is
/// overwritten is told by a Lagged how many it has missed, and goes on with the oldest that is left.
/// See: docs.rs/tokio, tokio::sync::broadcast.
namespace broadcast {

/// One that was moved from can only be assigned to or destroyed.
///
/// Thread safety: may be moved to and used on any thread, by one at a time.
template <class T>
class Receiver final {
 public:
  /// The next value; nullopt once all senders have gone and everything is received.
  ///
  /// Parks: while there is none.
  /// Throws: Lagged, the call after that goes on; Cancelled, no value is lost then; what T's copy throws.
  std::optional<T> recv() {
    detail::Landing<T> landing;
    return landing.take(raw_.recv(landing.place()));
  }
  /// The same with a limit; nullopt as well when it came first. Throws: also Error invalid_argument for a negative limit.
  template <class Rep, class Period>
  std::optional<T> recv_for(std::chrono::duration<Rep, Period> limit) {
    detail::Landing<T> landing;
    return landing.take(raw_.recv_for(landing.place(), detail::to_nanos(limit)));
  }
  /// What is there now. Never waits. Throws: Lagged.
  std::optional<T> try_recv() {
    detail::Landing<T> landing;
    return landing.take(raw_.try_recv(landing.place()));
  }

  /// Values sent and not taken, also those it has missed and was not told of yet.
  std::size_t len() const { return raw_.len(); }
  bool is_empty() const { return raw_.len() == 0; }
  /// True once all senders have gone.
  bool is_closed() const { return raw_.is_closed(); }
  /// Another receiver, for what is sent from now on.
  Receiver resubscribe() const { return Receiver(raw_.resubscribe()); }

 private:
  template <class U>
  friend class Sender;
  explicit Receiver(detail::RawBroadcastReceiver&& raw) noexcept : raw_(std::move(raw)) {}

  detail::RawBroadcastReceiver raw_;
};

/// Copies are senders of their own. One that was moved from can only be assigned to or destroyed.
///
/// Thread safety: any thread, several at once.
template <class T>
class Sender final {
 public:
  /// Says how many receivers will get it, if they are not too slow. Never waits.
  /// Throws: Error closed when there is no receiver; what T's move throws; std::bad_alloc.
  std::size_t send(T&& value) const { return raw_.send(&value); }
  std::size_t send(const T& value) const { return send(T(value)); }
  /// A receiver for what is sent from now on.
  Receiver<T> subscribe() const { return Receiver<T>(raw_.subscribe()); }
  std::size_t receiver_count() const { return raw_.receiver_count(); }

 private:
  template <class U>
  friend auto channel(std::size_t capacity);
  explicit Sender(detail::BroadcastChannel* channel) noexcept : raw_(channel) {}

  detail::RawBroadcastSender raw_;
};

/// Keeps `capacity` values, rounded up to a power of two. Throws: Error invalid_argument for 0; std::bad_alloc.
template <class T>
auto channel(std::size_t capacity) {
  static_assert(std::is_copy_constructible_v<T>, "every receiver of a broadcast gets a copy");
  Sender<T> sender(detail::new_broadcast(&detail::ValueOf<T>::kType, capacity));
  Receiver<T> receiver = sender.subscribe();
  return std::pair<Sender<T>, Receiver<T>>(std::move(sender), std::move(receiver));
}

}  // namespace broadcast
}  // namespace sync
}  // namespace v1
}  // namespace runtime
