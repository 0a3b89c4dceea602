#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <runtime/detail/unexpected_end.hpp>

#include "base/clock.hpp"
#include "base/system_error.hpp"
#include "io/pauses.hpp"
#include "io/poll_events.hpp"
#include "io/shared_fd.hpp"
#include "io/wait.hpp"

namespace runtime::inline v1::io {

/// The beginning of a C++ call that may wait; `call` names it. On a fiber it costs one unit of the budget. True: on a
/// fiber. Throws: Error io_disabled; Cancelled, when the caller is.
bool begin(const char* call);

/// Until the descriptor is ready, or may be: the fiber parks, a plain thread blocks. `call` names what said EAGAIN.
/// Throws: Cancelled; std::system_error EBADF when it was closed meanwhile: whatever owned it may be gone then.
void await_fd(int fd, std::uint8_t interest, const char* call);

/// One call on one direction of a shared descriptor: has the turn, and keeps the descriptor open.
///
/// Thread safety: one thread, or one fiber. Owns: the turn, and a share in the descriptor if it had to wait for the turn or
/// the owner has closed it since.
class Turn final {
 public:
  /// Parks: until all who came before have had their turn.
  /// Throws: as begin(); std::system_error EBADF when the descriptor was closed meanwhile.
  Turn(SharedFd& shared, Direction direction, const char* call);
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn();

  int fd() const noexcept { return shared_.fd(); }
  bool is_closed() const noexcept { return turns_.is_closed(); }
  /// Parks: until the descriptor is ready; that may be spurious. `in_vain`: the wait before, of the same try, was. Throws:
  /// Cancelled; std::system_error EBADF.
  void wait_ready(bool in_vain = false);
  /// Of a read that has to get all there is: where the last one on this thread has emptied the descriptor, and nothing has
  /// come since, waits at once, as trying it would be in vain. Throws: as wait_ready().
  void wait_if_emptied();
  /// A read has given `got` of `size` bytes, just now.
  void note_read(std::size_t got, std::size_t size) noexcept {
    if (got < size && got != 0 && shared_.kind() == FdKind::tcp_stream) read_to_the_end(fd(), shared_.id());
  }
  /// Between two parts of one call: a unit of the budget, as each would cost that is a call of its own. Throws:
  /// Cancelled.
  void go_on();
  /// Lets time pass instead, in real time: for what the kernel reports no readiness of. Throws: the same.
  void pause(base::Nanos length);
  /// The same, each time a little longer, up to 8 ms.
  void pause() { pause(pauses_.next_length()); }

  /// Makes the call until it has an answer other than "would block", and parks in between.
  /// Throws: std::system_error with the name of the call; as wait_ready().
  template <class Try>
  auto until_done(Try attempt) -> decltype(attempt()) {
    for (bool in_vain = false;; in_vain = true) {
      const auto result = until_answered(attempt);
      if (result >= 0) return result;
      wait_ready(in_vain);
    }
  }
  /// The same for receiving on what is no stream: nullopt when nothing will ever come, as the receiving side was shut down.
  template <class Try>
  auto until_received(Try attempt) -> std::optional<decltype(attempt())> {
    for (bool in_vain = false;; in_vain = true) {
      auto result = until_answered(attempt);
      if (result >= 0) return result;
      if ((in_vain || shared_.was_shut) && is_shut_for_receiving(fd())) {
        shared_.was_shut = true;
        result = until_answered(attempt);  // what came before that
        if (result >= 0) return result;
        return std::nullopt;
      }
      wait_ready(in_vain);
    }
  }

 private:
  void wait_for_turn(bool has_begun);
  /// Negative: it would block.
  template <class Try>
  auto until_answered(Try& attempt) -> decltype(attempt()) {
    for (;;) {
      const auto result = attempt();
      if (result >= 0 || errno == EAGAIN) return result;
      if (errno != EINTR) base::throw_errno(errno, call_);
    }
  }
  void check(TurnEnd end) const;

  SharedFd& shared_;
  Turns& turns_;
  const Direction direction_;
  const char* const call_;
  Pauses pauses_;
};

}  // namespace runtime::inline v1::io
