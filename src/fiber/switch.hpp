#pragma once

#include <cerrno>

#include <boost/context/detail/fcontext.hpp>

#include "base/compiler.hpp"
#include "base/sanitizer.hpp"
#include "fiber/fiber.hpp"

namespace runtime::inline v1::fiber {

/// What a switch has to know of the thread: where errno, the exception state and the entered runtime live.
struct ThreadWords {
  int* error = nullptr;
  ExceptionState* exceptions = nullptr;
  void** entered = nullptr;

  static ThreadWords of_this_thread(void** entered) noexcept { return {&errno, exception_state_of_thread(), entered}; }
};

/// What others are told of a switch, before and after the jump: sanitizers, and the companion.
RUNTIME_NO_ASAN void tell_departure(Fiber& from, Fiber& to, bool for_good) noexcept;
RUNTIME_NO_ASAN void tell_arrival(Fiber& departed, Fiber& self) noexcept;

/// The jump itself. In the word of Boost.Context, `data` is handed to whoever goes on.
///
/// On x86-64 it is jumped to, not called: jump_fcontext leaves by a jump, so a call would push an entry to the
/// processor's return stack that no `ret` ever takes, and every `ret` behind the switch would be mispredicted. Who
/// pushes the address to return to, from %rax, is runtime_push_and_jump (switch.cpp): the compiler's unwind tables of
/// the function around us know of no push, and whoever takes this stack apart at that instruction, a profiler or our own
/// probe, would follow garbage. The library is compiled without a red zone, which the push would run over
/// (src/meson.build).
RUNTIME_NO_ASAN inline boost::context::detail::transfer_t jump(void* to, void* data) noexcept {
#if defined(__x86_64__)
  boost::context::detail::transfer_t transfer;
  __asm__ volatile(
      "leaq 1f(%%rip), %%rax\n\t"
      "jmp runtime_push_and_jump\n"
      "1:"
      : "=&a"(transfer.fctx), "=&d"(transfer.data), "+D"(to), "+S"(data)
      :
      : "rcx", "r8", "r9", "r10", "r11", "memory", "cc", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)",
        "st(7)", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
        "xmm12", "xmm13", "xmm14", "xmm15");
  return transfer;
#else
  return boost::context::detail::jump_fcontext(to, data);
#endif
}

/// What is left to do once the jump has come out on the other side.
RUNTIME_NO_ASAN inline void arrive(boost::context::detail::transfer_t transfer, Fiber*& departed) noexcept {
  departed = static_cast<Fiber*>(transfer.data);
  departed->context = transfer.fctx;
  if (transfer.fctx < departed->deepest) departed->deepest = transfer.fctx;
}

/// Stops `from`, which runs, and goes on with `to`, which does not. Returns when somebody switches to `from` again.
///
/// `for_good`: nothing in the frames of `from` above its entry function will be used again.
/// No lock, no system call: errno, the exception state, MXCSR and the x87 control word are all that is saved beside
/// the registers that a function call preserves.
RUNTIME_NO_ASAN inline void switch_to(Fiber& from, Fiber& to, const ThreadWords& thread, bool for_good = false) noexcept {
  from.saved_errno = *thread.error;
  from.exceptions = *thread.exceptions;
  from.entered = *thread.entered;
  *thread.error = to.saved_errno;
  *thread.exceptions = to.exceptions;
  *thread.entered = to.entered;
  const bool told = RUNTIME_UNLIKELY(base::switches_are_told.load(std::memory_order_relaxed));
  if (told) tell_departure(from, to, for_good);
  Fiber* departed;
  arrive(jump(to.context, &from), departed);
  if (told) tell_arrival(*departed, from);
}

/// The same for a fiber that may never have run: it learns here who it is.
inline void enter(Fiber& from, Fiber& to, const ThreadWords& thread) noexcept {
  from.successor = &to;
  switch_to(from, to, thread);
}

/// Gives `fiber`, whose stack nobody uses, a first context that will call fiber.entry(fiber).
void make_context(Fiber& fiber) noexcept;

/// This Boost.Context keeps MXCSR and the x87 control word where FloatState::put_into() writes them.
bool contexts_keep_float_state() noexcept;

}  // namespace runtime::inline v1::fiber
