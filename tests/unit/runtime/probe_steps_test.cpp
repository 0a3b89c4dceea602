#include <dlfcn.h>
#include <execinfo.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>

#include <boost/context/detail/fcontext.hpp>
#include <doctest/doctest.h>
#include <runtime/runtime.hpp>

#include "base/valgrind.hpp"
#include "support/leak_check.hpp"
#include "support/sanitized.hpp"

#if defined(__x86_64__)

namespace {

using Frames = std::array<void*, 64>;

/// The outermost frame of who calls: where its stack begins.
void* bottom() {
  Frames frames;
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  return count > 0 ? frames[static_cast<std::size_t>(count) - 1] : nullptr;
}

struct Steps {
  std::array<void*, 2> bottoms{};  // of the root, and of a task
  const void* boost = nullptr;     // jump_fcontext comes without unwind tables: a stack ends there
  long looks = 0;
  long lost = 0;
  void* lost_at = nullptr;  // the first
  std::atomic<bool> over{false};
};

Steps* steps;

void on_step(int, siginfo_t*, void* raw) {
  constexpr greg_t kTrap = 0x100;
  auto& flags = static_cast<ucontext_t*>(raw)->uc_mcontext.gregs[REG_EFL];
  if (steps->over) {
    flags &= ~kTrap;
    return;
  }
  auto* const at = reinterpret_cast<void*>(static_cast<ucontext_t*>(raw)->uc_mcontext.gregs[REG_RIP]);
  Dl_info where;
  if (::dladdr(at, &where) == 0 || where.dli_fbase == steps->boost) return;
  ++steps->looks;
  const auto& known = steps->bottoms;
  if (std::find(known.begin(), known.end(), bottom()) != known.end()) return;
  if (steps->lost++ == 0) steps->lost_at = at;
}

[[gnu::noinline]] void begin_steps() { __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" : : : "memory", "cc"); }

}  // namespace

// Debuggers, profilers and our own probe take stacks apart wherever a thread happens to be. Not under Valgrind, which has no
// trap flag, and not under ThreadSanitizer: it is told of a switch before the jump, so in between the handler would be
// another fiber's for it, which writes what this one writes, too.
TEST_CASE_FIXTURE(test::LeakCheck,
                  "at each instruction of a switch, of a first resume and of an end, the whole stack is seen" *
                      doctest::skip(test::kThreadSanitizer || runtime::base::under_valgrind())) {
  Steps counted;
  steps = &counted;
  Dl_info boost;
  REQUIRE(::dladdr(reinterpret_cast<void*>(&boost::context::detail::jump_fcontext), &boost) != 0);
  counted.boost = boost.dli_fbase;
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
  CHECK(counted.lost == 0);
  CHECK(counted.lost_at == nullptr);
}

#endif
