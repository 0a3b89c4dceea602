#pragma once

#include <signal.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace runtime::inline v1::fiber {

/// Whose stack has overflowed, in the words of the floor that knows.
struct OverflowedTask {
  std::uint64_t id;
  std::string_view name;
  std::size_t stack_size;
  const char* file;
  std::uint32_t line;
};

/// Answers for the calling thread: does `address` lie in the guard of the stack in use? Async-signal-safe.
using FindOverflowed = bool (*)(const void* address, OverflowedTask& found) noexcept;

/// Puts our handler in front of the program's SIGSEGV handler, unless it is there already. Called on each block_on, so
/// a handler that the program installed meanwhile is chained.
///
/// The handler tells an overflow in words, with frames; then the program's previous handler runs; then SIGSEGV kills.
/// Any other fault goes to the previous handler as if we were not there.
/// Throws: std::system_error, std::bad_alloc. Thread safety: any thread.
void watch_for_overflow(FindOverflowed find);

/// While it lives, this thread has an alternate signal stack big enough to report from: there is no room left on the
/// one that overflowed. One that the program has set up, and that is big enough, is left alone.
///
/// Owns: the stack. Thread safety: made and destroyed on one thread; stands in for nothing after a move, so has none.
class SignalStack final {
 public:
  /// Throws: std::system_error.
  SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;
  ~SignalStack();

  void enter() noexcept;
  void leave() noexcept;

 private:
  void* memory_;
  stack_t outer_{};
  bool entered_ = false;
};

}  // namespace runtime::inline v1::fiber
