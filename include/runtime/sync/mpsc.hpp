#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

#include <runtime/detail/channel_value.hpp>
#include <runtime/detail/duration.hpp>
#include <runtime/detail/raw_mpsc.hpp>

namespace runtime {
inline namespace v1 {
namespace sync {

/// Many senders, one receiver; the values come out in the order they went in. For fibers of any runtime and plain threads.
///
/// The receiver that goes, or close(), closes the channel: sending throws Errc::closed from then on. When all senders have
/// gone, or the channel is closed, the receiver gets what is there, and then nullopt.
/// See: docs.rs/tokio, tokio::sync::mpsc.
namespace mpsc {

/// A place kept for one value. It returns to the channel if it goes unused, and keeps the receiver waiting until then.
///
/// Thread safety: may be moved to any thread; one at a time.
template <class T>
class Permit final {
 public:
  /// Sends without waiting; also into a channel that was closed meanwhile. If the receiver has gone, the value goes, too.
  /// Throws: Error invalid_argument when the permit was used already; what T's move throws, the place is free then.
  void send(T&& value) { raw_.send(&value); }
  void send(const T& value) { send(T(value)); }

 private:
  template <class U>
  friend class Sender;
  explicit Permit(detail::RawMpscPermit&& raw) noexcept : raw_(std::move(raw)) {}

  detail::RawMpscPermit raw_;
};

/// The sending end of a channel with a limit. Copies are senders of their own. One that was moved from can only be
/// assigned to or destroyed.
///
/// Thread safety: any thread, several at once.
template <class T>
class Sender final {
 public:
  /// Parks: while the channel is full, and those who came before still wait.
  /// Throws: Error closed, the value is untouched; what T's move throws; Cancelled, nothing was sent.
  void send(T&& value) const { raw_.send(&value); }
  void send(const T& value) const { send(T(value)); }
  /// False when the channel is full; the value is untouched. Never waits. Throws: Error closed.
  bool try_send(T&& value) const { return raw_.try_send(&value); }
  bool try_send(const T& value) const { return try_send(T(value)); }
  /// Waits for a place and keeps it. Throws: Error closed; Cancelled.
  Permit<T> reserve() const { return Permit<T>(raw_.reserve()); }

  /// Places that are free now; and all there are.
  std::size_t capacity() const { return raw_.capacity(); }
  std::size_t max_capacity() const { return raw_.max_capacity(); }
  /// True once the receiver has gone or has closed the channel.
  bool is_closed() const { return raw_.is_closed(); }
  /// Parks: until is_closed(). Throws: Cancelled.
  void closed() const { raw_.closed(); }

 private:
  template <class U>
  friend auto channel(std::size_t capacity);
  explicit Sender(detail::MpscChannel* channel) noexcept : raw_(channel) {}

  detail::RawMpscSender raw_;
};

/// The sending end of a channel without a limit.
///
/// Thread safety: any thread, several at once.
template <class T>
class UnboundedSender final {
 public:
  /// Never waits. Throws: Error closed, the value is untouched; what T's move throws; std::bad_alloc.
  void send(T&& value) const { raw_.send_now(&value); }
  void send(const T& value) const { send(T(value)); }
  bool is_closed() const { return raw_.is_closed(); }
  /// Parks: until is_closed(). Throws: Cancelled.
  void closed() const { raw_.closed(); }

 private:
  template <class U>
  friend auto unbounded_channel();
  explicit UnboundedSender(detail::MpscChannel* channel) noexcept : raw_(channel) {}

  detail::RawMpscSender raw_;
};

/// The receiving end. One that was moved from can only be assigned to or destroyed.
///
/// Thread safety: may be moved to and used on any thread, by one at a time.
template <class T>
class Receiver final {
 public:
  /// The next value; nullopt once the channel is closed and drained.
  ///
  /// Parks: while there is none, somebody may still send one, or holds a permit.
  /// Throws: Error invalid_argument while another waits in this receiver; Cancelled, a value that came stays for the next
  /// call; what T's move throws, the value is lost then.
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
  /// What is there now. Never waits.
  std::optional<T> try_recv() {
    detail::Landing<T> landing;
    return landing.take(raw_.try_recv(landing.place()));
  }

  /// No more is accepted; what is there, and what permits still bring, can be received.
  void close() { raw_.close(); }
  /// Values that are there now.
  std::size_t len() const { return raw_.len(); }
  bool is_empty() const { return raw_.len() == 0; }
  /// True once the channel was closed or all senders have gone.
  bool is_closed() const { return raw_.is_closed(); }

 private:
  template <class U>
  friend auto channel(std::size_t capacity);
  template <class U>
  friend auto unbounded_channel();
  explicit Receiver(detail::MpscChannel* channel) noexcept : raw_(channel) {}

  detail::RawMpscReceiver raw_;
};

/// A channel for so many values at once. Throws: Error invalid_argument for 0; std::bad_alloc.
template <class T>
auto channel(std::size_t capacity) {
  detail::MpscChannel* made = detail::new_mpsc(&detail::ValueOf<T>::kType, capacity);
  return std::pair<Sender<T>, Receiver<T>>(Sender<T>(made), Receiver<T>(made));
}

/// A channel without a limit. Throws: std::bad_alloc.
template <class T>
auto unbounded_channel() {
  detail::MpscChannel* made = detail::new_unbounded_mpsc(&detail::ValueOf<T>::kType);
  return std::pair<UnboundedSender<T>, Receiver<T>>(UnboundedSender<T>(made), Receiver<T>(made));
}

}  // namespace mpsc
}  // namespace sync
}  // namespace v1
}  // namespace runtime
