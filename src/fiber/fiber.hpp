#pragma once

#include <cstddef>
#include <cstdint>

#include <runtime/companion.h>

#include "fiber/exception_state.hpp"

namespace runtime::inline v1 {

// What the floors above hang on a fiber.
namespace task {
class Waiting;
class CancelScope;
}  // namespace task
namespace detail {
struct Binding;
struct LocalValue;
}  // namespace detail

namespace fiber {

class StackPool;

/// A stack, and the place where it stopped.
///
/// It sits at the upper end of its own stack, so that a parked fiber costs one page and no other memory; the fiber of a
/// block_on call is an ordinary object, for a stack that is not ours.
/// Thread safety: one thread, for life: compilers keep addresses of thread-locals across a switch.
struct Fiber {
  using Entry = void (*)(Fiber& self);

  // Where it stopped: meaningless while it runs. The first cache line has all that a switch touches.
  void* context = nullptr;
  ExceptionState exceptions{};
  int saved_errno = 0;
  void* entered = nullptr;    // the innermost runtime that the code on it has entered
  void* deepest = nullptr;    // the lowest place where it stopped since its stack was last trimmed
  void* occupant = nullptr;   // who runs on it: a task, for the floors above
  Fiber* next_idle = nullptr; // link of the pool's free list, while there

  // Second cache line: what starting, waiting and ending touch.
  task::Waiting* waiting = nullptr;             // why its occupant is parked, for dumps; the innermost
  detail::LocalValue* local_values = nullptr;   // of fiber-locals; owned
  StackPool* pool = nullptr;
  std::byte* high = nullptr;                    // [low, high) is usable; the guard lies below low
  runtime_companion_words companion{};          // zero when a task starts

  // What few tasks need, and what is for a stack's own beginning and end.
  task::CancelScope* scopes = nullptr;          // that its code is in; the innermost
  detail::Binding* bindings = nullptr;          // of task-locals; the innermost
  std::byte* low = nullptr;
  Entry entry = nullptr;
  Fiber* successor = nullptr;                   // whom it last entered, for one that runs for the first time
  std::uint32_t residue_pages = 1;              // pages below high that may hold what earlier tasks left there

  // What the tools know of it; unused in an ordinary program.
  void* asan_fake_stack = nullptr;
  const void* asan_bottom = nullptr;
  std::size_t asan_size = 0;
  void* tsan_fiber = nullptr;
  std::uintptr_t valgrind_stack = 0;
};

static_assert(offsetof(Fiber, waiting) == 64 && offsetof(Fiber, scopes) == 128, "each line of a parked task counts");

}  // namespace fiber
}  // namespace runtime::inline v1
