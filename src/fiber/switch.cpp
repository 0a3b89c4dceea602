#include "fiber/switch.hpp"

#include <cerrno>
#include <cstddef>

#include "fiber/companion.hpp"
#include "fiber/float_state.hpp"

#if defined(__x86_64__)
// Jumped to from fiber::jump(), with the address to return to in %rax; its tables say where that is at each of the two.
// The canonical frame address is %rsp as it was: DWARF's register 16 is the return address, 0 is %rax.
__asm__(
    ".pushsection .text, \"ax\", @progbits\n"
    "\t.p2align 4\n"
    "\t.globl runtime_push_and_jump\n"
    "\t.hidden runtime_push_and_jump\n"
    "\t.type runtime_push_and_jump, @function\n"
    "runtime_push_and_jump:\n"
    "\t.cfi_startproc\n"
    "\t.cfi_def_cfa %rsp, 0\n"
    "\t.cfi_register 16, 0\n"
    "\tpushq %rax\n"
    "\t.cfi_def_cfa_offset 8\n"
    "\t.cfi_offset 16, -8\n"
    "\tjmpq *jump_fcontext@GOTPCREL(%rip)\n"
    "\t.cfi_endproc\n"
    "\t.size runtime_push_and_jump, . - runtime_push_and_jump\n"
    ".popsection\n");
#endif

namespace runtime::inline v1::fiber {
namespace {

// The first frame of every fiber. Unwinders end here: the context that make_fcontext builds has no caller.
RUNTIME_NO_ASAN void trampoline(boost::context::detail::transfer_t transfer) noexcept {
  Fiber* departed;
  arrive(transfer, departed);
  Fiber& self = *departed->successor;
  if (base::sanitizer.any) tell_arrival(*departed, self);
  self.entry(self);  // never returns
  __builtin_trap();
}

}  // namespace

void tell_departure(Fiber& from, Fiber& to, bool for_good) noexcept {
  const base::Sanitizer& sanitizer = base::sanitizer;
  if (const runtime_companion* companion = installed_companion(); companion != nullptr && are_switches_watched()) {
    const int errno_of_to = errno;
    companion->switched(&from.companion, &to.companion);
    errno = errno_of_to;
  }
  if (sanitizer.start_switch_fiber != nullptr) {
    sanitizer.start_switch_fiber(for_good ? nullptr : &from.asan_fake_stack, to.asan_bottom, to.asan_size);
    if (for_good) from.asan_fake_stack = nullptr;
  }
  if (sanitizer.tsan_switch_to_fiber != nullptr) {
    // A stack that is not ours is the thread's, or a fiber's of another runtime: TSan knows which one we are on.
    if (from.pool == nullptr) from.tsan_fiber = sanitizer.tsan_current_fiber();
    sanitizer.tsan_switch_to_fiber(to.tsan_fiber, 0);
  }
}

void tell_arrival(Fiber& departed, Fiber& self) noexcept {
  if (base::sanitizer.finish_switch_fiber == nullptr) return;
  // ASan says which stack we came from: the only way to learn the bounds of one that is not ours.
  base::sanitizer.finish_switch_fiber(self.asan_fake_stack, &departed.asan_bottom, &departed.asan_size);
}

void make_context(Fiber& fiber) noexcept {
  const auto size = static_cast<std::size_t>(reinterpret_cast<std::byte*>(&fiber) - fiber.low);
  fiber.context = boost::context::detail::make_fcontext(&fiber, size, &trampoline);
}

bool contexts_keep_float_state() noexcept {
  // One that is made and never entered.
  alignas(16) std::byte stack[1024];
  return FloatState::current().is_in(
      boost::context::detail::make_fcontext(stack + sizeof stack, sizeof stack, &trampoline));
}

}  // namespace runtime::inline v1::fiber
