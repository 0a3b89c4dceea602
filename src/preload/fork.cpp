#include "preload/fork.hpp"

#include <unistd.h>

#include <runtime/companion.h>

#include "preload/complete.hpp"
#include "preload/fiber_words.hpp"
#include "preload/held_mutexes.hpp"
#include "preload/once.hpp"
#include "preload/visit.hpp"
#include "preload/waiting_room.hpp"

// Children that begin as a copy of the process. fork(), daemon() and forkpty() run the handler that start.cpp has
// registered; here are those that run none.

namespace runtime::preload {

void in_forked_child() noexcept {
  process.has_met_fibers.store(false, std::memory_order_relaxed);
  if (runtime_companion_words* words = runtime_companion_here()) FiberWords::of(*words).passes_through = 1;
  forget_catching();
  empty_room();
  forget_thread_id();
  forget_once_word();
}

}  // namespace runtime::preload

RUNTIME_PRELOAD_NEXT(pid_t, _Fork, ())
RUNTIME_PRELOAD_EXPORT(pid_t, _Fork, ()) {
  const pid_t child = runtime::preload::next__Fork();
  if (child == 0) runtime::preload::in_forked_child();
  return child;
}

// The child of vfork() runs in our memory: what it closes or waits for there would end or start waits of the parent's
// fibers. So once there are any it becomes a fork(), as POSIX allows. Before, it is a jump to the original, which has
// to return on the caller's frame twice, and finds no frame of ours in between.

RUNTIME_PRELOAD_CALL(vfork)

extern "C" [[gnu::visibility("hidden"), gnu::used]] void* runtime_preload_choose_vfork() noexcept {
  using namespace runtime::preload;
  const bool is_on_fiber = runtime_companion_here() != nullptr;
  if (is_on_fiber && process.counts) call_vfork.on_fibers.fetch_add(1, std::memory_order_relaxed);
  if (is_on_fiber || process.has_met_fibers.load(std::memory_order_relaxed)) return reinterpret_cast<void*>(&::fork);
  void* next = call_vfork.next.load(std::memory_order_relaxed);  // relaxed: the function is not our data
  return next != nullptr ? next : call_vfork.find();
}

__asm__(R"(
  .text
  .globl vfork
  .type vfork, @function
vfork:
  .cfi_startproc
  subq $8, %rsp
  .cfi_adjust_cfa_offset 8
  call runtime_preload_choose_vfork
  addq $8, %rsp
  .cfi_adjust_cfa_offset -8
  jmp *%rax
  .cfi_endproc
  .size vfork, .-vfork
  .globl __vfork
  .set __vfork, vfork
)");
