#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include <runtime/detail/channel_value.hpp>
#include <runtime/detail/duration.hpp>
#include <runtime/detail/raw_oneshot.hpp>

namespace runtime {
inline namespace v1 {
namespace sync {

/// One value, once, from one sender to one receiver: an answer. For fibers of any runtime and plain threads.
/// See: docs.rs/tokio, tokio::sync::oneshot.
namespace oneshot {

/// Thread safety: may be moved to and used on any thread, by one at a time.
template <class T>
class Sender final {
 public:
  /// Never waits. The sender is used up, also when it is refused.
  /// Throws: Error closed when the receiver has gone or has closed the channel, the value is untouched;
  /// invalid_argument on a second call; what T's move throws.
  void send(T&& value) { raw_.send(&value); }
  void send(const T& value) { send(T(value)); }
  /// True once the receiver has gone or has closed the channel. Throws: Error invalid_argument after send().
  bool is_closed() const { return raw_.is_closed(); }
  /// Parks: until is_closed(). Throws: as that; Cancelled.
  void closed() const { raw_.closed(); }

 private:
  template <class U>
  friend auto channel();
  explicit Sender(detail::OneshotChannel* channel) noexcept : raw_(channel) {}

  detail::RawOneshotSender raw_;
};

/// Thread safety: may be moved to and used on any thread, by one at a time.
template <class T>
class Receiver final {
 public:
  /// The value; nullopt when the sender has gone without sending, or the channel is closed and empty.
  ///
  /// Parks: until one of these is so.
  /// Throws: Error invalid_argument when the value was received before, or while another waits in this receiver;
  /// Cancelled, a value that came stays for the next call; what T's move throws.
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
  /// The value if it is there. Never waits; nullopt after it was received.
  std::optional<T> try_recv() {
    detail::Landing<T> landing;
    return landing.take(raw_.try_recv(landing.place()));
  }
  /// Nothing more is accepted; a value that was sent before can be received.
  void close() { raw_.close(); }

 private:
  template <class U>
  friend auto channel();
  explicit Receiver(detail::OneshotChannel* channel) noexcept : raw_(channel) {}

  detail::RawOneshotReceiver raw_;
};

/// Throws: std::bad_alloc.
template <class T>
auto channel() {
  detail::OneshotChannel* made = detail::new_oneshot(&detail::ValueOf<T>::kType);
  return std::pair<Sender<T>, Receiver<T>>(Sender<T>(made), Receiver<T>(made));
}

}  // namespace oneshot
}  // namespace sync
}  // namespace v1
}  // namespace runtime
