#include <execinfo.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>

#include <doctest/doctest.h>
#include <runtime/runtime.hpp>

#include "base/valgrind.hpp"
#include "support/leak_check.hpp"
#include "support/sanitized.hpp"

#if defined(__x86_64__)

// Of libgcc: the unwind table of an instruction, null if it has none.
extern "C" const void* _Unwind_Find_FDE(void* instruction, void* bases);
// The two instructions before jump_fcontext: a push of one byte and a jump. See src/fiber/switch.cpp.
extern "C" const unsigned char runtime_push_and_jump[];

namespace {

using Frames = std::array<void*, 64>;

/// What an ordinary look finds last: where the stack begins.
void* bottom() {
  Frames frames;
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  return count > 0 ? frames[static_cast<std::size_t>(count) - 1] : nullptr;
}

struct Steps {
  std::array<void*, 2> bottoms{};  // of the root, and of a task
  long looks = 0;
  long at_push = 0, at_jump = 0;
  long lost = 0;
  const void* lost_at = nullptr;  // the first
  std::atomic<bool> over{false};
};

Steps* steps;

bool is_whole(const unsigned char* at, const greg_t* registers) {
  Frames frames;
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  auto* const end = frames.begin() + count;
  auto* const frame = std::find(frames.begin(), end, static_cast<const void*>(at));
  if (end - frame < 2 || std::find(steps->bottoms.begin(), steps->bottoms.end(), end[-1]) == steps->bottoms.end()) {
    return false;
  }
  // Whom the switch returns to is known there.
  if (at == runtime_push_and_jump) {
    ++steps->at_push;
    return frame[1] == reinterpret_cast<void*>(registers[REG_RAX]);
  }
  if (at == runtime_push_and_jump + 1) {
    ++steps->at_jump;
    return frame[1] == *reinterpret_cast<void**>(registers[REG_RSP]);
  }
  return true;
}

void on_step(int, siginfo_t*, void* raw) {
  constexpr greg_t kTrap = 0x100;
  greg_t* const registers = static_cast<ucontext_t*>(raw)->uc_mcontext.gregs;
  if (steps->over) {
    registers[REG_EFL] &= ~kTrap;
    return;
  }
  auto* const at = reinterpret_cast<unsigned char*>(registers[REG_RIP]);
  void* bases[3];
  const bool is_known = at == runtime_push_and_jump || at == runtime_push_and_jump + 1;
  // jump_fcontext and where make_fcontext's contexts begin have no tables: a stack ends there.
  if (!is_known && _Unwind_Find_FDE(at, bases) == nullptr) return;
  ++steps->looks;
  if (!is_whole(at, registers) && steps->lost++ == 0) steps->lost_at = at;
}

[[gnu::noinline]] void begin_steps() {
  __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" : : : "memory", "cc");
}

}  // namespace

// Debuggers, profilers and our own probe take stacks apart wherever a thread happens to be. Not under Valgrind, which
// has no trap flag, and not under ThreadSanitizer: it is told of a switch before the jump, so in between the handler
// would be another fiber's for it, which writes what this one writes, too.
TEST_CASE_FIXTURE(test::LeakCheck,
                  "at each instruction of ours in a switch, a first resume and an end, the whole stack is seen" *
                      doctest::skip(test::kThreadSanitizer || runtime::base::under_valgrind())) {
  Steps counted;
  steps = &counted;
  struct sigaction action{}, before;
  action.sa_sigaction = &on_step;
  action.sa_flags = SA_SIGINFO;
  REQUIRE(::sigaction(SIGTRAP, &action, &before) == 0);
  runtime::LocalRuntime rt;
  rt.block_on([&] {
    counted.bottoms[0] = bottom();
    auto other = runtime::spawn_local([&] {
      counted.bottoms[1] = bottom();
      while (!counted.over) runtime::yield_now();
    });
    runtime::spawn_local([&] {
      runtime::yield_now();
      begin_steps();
      for (int i = 0; i < 2; ++i) {
        runtime::yield_now();
        runtime::spawn_local([] { runtime::yield_now(); }).join();
      }
      counted.over = true;
    }).join();
    other.join();
  });
  CHECK(::sigaction(SIGTRAP, &before, nullptr) == 0);
  CHECK(counted.looks > 1000);
  CHECK(counted.at_push >= 8);
  CHECK(counted.at_jump == counted.at_push);
  CHECK(counted.lost == 0);
  CHECK(counted.lost_at == nullptr);
}

#endif
