#pragma once

#include <atomic>
#include <cstdint>

#include <runtime/companion.h>

#include "preload/call.hpp"
#include "preload/fiber_words.hpp"
#include "preload/selector.hpp"

namespace runtime::preload {

/// The text of a loaded library, to tell who calls.
struct Text {
  /// The code of the library that `address` lies in.
  static Text around(const void* address) noexcept;

  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;

  bool has(const void* address) const noexcept {
    return reinterpret_cast<std::uintptr_t>(address) - begin < end - begin;
  }
};

/// Whether libruntime itself makes the call that returns to `caller`. That the address lies in libruntime is not enough:
/// the code of a fiber that ends with a call jumps to it, and the call then returns to where the fiber's code was called
/// from. So the instruction is looked at, too: libruntime names what it calls, and calls the fiber's code by a pointer.
bool is_made_by_runtime(const void* caller) noexcept;

/// What is known of the process, from the start on. Written before there are fibers, but for the last.
struct Process {
  Text runtime;             // libruntime: its own calls are never ours
  Text allocator;           // a library that brings a malloc of its own: its calls never park (mutex.cpp)
  bool is_complete = false; // bare system calls are caught, too
  bool counts = false;      // for a report
  // Some call came from a fiber: so descriptors may have waiters, and vfork() is fork(). Relaxed: says nothing of other
  // memory.
  std::atomic<bool> has_met_fibers = false;
};

extern constinit Process process;

/// Signal handlers that run on this thread, one inside the other (signal_handlers.cpp). What they call is never ours: it
/// must not park in the middle of anything.
extern constinit thread_local unsigned handlers_running [[gnu::tls_model("initial-exec")]];

/// A call of a wrapped name, on a fiber, for as long as it lasts.
///
/// It is "ours" when it comes from the code in the fiber. It is not when libruntime itself makes it, when another call
/// of ours is under way in this fiber (however many others run meanwhile: the count is the fiber's), in a signal handler,
/// and in the child of a fork. In complete mode no system call is caught meanwhile.
class Visit final {
 public:
  Visit(runtime_companion_words& words, const void* caller, Call& call) noexcept
      : fiber_(FiberWords::of(words)), call_(call) {
    is_ours_ = fiber_.visits == 0 && fiber_.passes_through == 0 && handlers_running == 0 &&
               (__builtin_expect(!process.runtime.has(caller), 1) || !is_made_by_runtime(caller));
    ++fiber_.visits;
    selector_before_ = exchange_selector(Selector::allow);
    if (is_ours_ && !process.has_met_fibers.load(std::memory_order_relaxed)) {  // a line that all threads read
      process.has_met_fibers.store(true, std::memory_order_relaxed);
    }
    if (__builtin_expect(process.counts, 0)) begin_counting();
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit() {
    if (__builtin_expect(process.counts, 0)) end_counting();
    selector = selector_before_;
    --fiber_.visits;
    if (__builtin_expect(fiber_.has_to_rearm && fiber_.visits == 0 && handlers_running == 0, 0)) {
      fiber_.has_to_rearm = false;
      selector = Selector::block;
    }
  }

  bool is_ours() const noexcept { return is_ours_; }

 private:
  void begin_counting() noexcept;
  void end_counting() noexcept;

  FiberWords& fiber_;
  Call& call_;
  bool is_ours_;
  Selector selector_before_;
  std::uint32_t switches_before_ = 0;
  std::int64_t began_ = 0;
};

}  // namespace runtime::preload
