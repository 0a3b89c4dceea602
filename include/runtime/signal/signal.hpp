#pragma once

#include <cstdint>
#include <utility>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace signal {

/// Listens for one of the program's signals, from its construction on.
///
/// The first listener of a number installs a handler for the whole process, which replaces what was there and stays for
/// good: the signal never does again what it does by default. (A program that installs its own later takes it away from
/// all listeners.) Every listener hears of every signal, on whatever thread and in whatever runtime it waits; signals
/// that come while it does not wait are one. Of several fibers that wait in one listener each signal is for one: give
/// each a listener of its own where all of them shall hear.
///
/// Movable, not copyable; not while somebody waits in it. recv() of one that was moved from throws Error
/// invalid_argument.
/// Thread safety: one thread at a time; several listeners on any threads. Fibers that wait when it is destroyed end
/// with EBADF; to destroy it while a plain thread waits is misuse: nothing wakes that thread.
/// Owns: a descriptor; beside it the process has one for each number. See: docs.rs/tokio, tokio::signal::unix.
class RUNTIME_API Signal final {
 public:
  /// `number`: SIGHUP and the like, or SIGRTMIN + n.
  /// Throws: Error invalid_argument for what cannot be caught (SIGKILL, SIGSTOP), for what tells of a fault (SIGSEGV,
  /// SIGBUS, SIGFPE, SIGILL), and for what is no signal; std::system_error.
  explicit Signal(int number);
  Signal(Signal&& other) noexcept : number_(other.number_), fd_(std::exchange(other.fd_, -1)), seen_(other.seen_) {}
  Signal& operator=(Signal&& other) noexcept {
    if (this != &other) {
      close();
      number_ = other.number_;
      fd_ = std::exchange(other.fd_, -1);
      seen_ = other.seen_;
    }
    return *this;
  }
  ~Signal() { close(); }

  /// Returns when the signal has come since the last time, or since the construction.
  ///
  /// Parks: until it comes. Cancellation: no signal is lost.
  /// Throws: Error io_disabled, invalid_argument when this was moved from; std::system_error; Cancelled.
  void recv();

 private:
  void close() noexcept;

  int number_;
  int fd_ = -1;             // readable when the signal has come
  std::uint64_t seen_ = 0;  // how many had come at the last look
};

/// Waits for SIGINT: Ctrl-C. A Signal(SIGINT) that lives only as long as the call: between two calls none is heard, and
/// none ends the program any more. Parks, Throws: as Signal.
RUNTIME_API void ctrl_c();

}  // namespace signal
}  // namespace v1
}  // namespace runtime
