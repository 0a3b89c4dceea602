// Overflows the stack of a task, or faults in another way; see overflow_test.cpp.

#include <signal.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <thread>

#include <runtime/runtime.hpp>

#include "death/victim.hpp"

using death_test::say;

namespace {

volatile bool stop = false;  // never set; without it compilers see that the recursion is endless

__attribute__((noinline)) int recurse(int depth) {
  volatile char frame[512] = {};
  frame[0] = static_cast<char>(depth);
  if (stop) return 0;
  return recurse(depth + 1) + frame[0];
}

/// One frame that is larger than the whole stack; it writes where the guard is.
__attribute__((noinline)) int jump_into_guard() {
  constexpr std::size_t kMore = 65536 + 32768;
  auto* block = static_cast<volatile char*>(__builtin_alloca(kMore));
  __asm__ volatile("" : "+r"(block));  // or compilers keep only the byte that is used
  block[0] = 1;
  return block[0];
}

void overflow_in_task() {
  runtime::TaskBuilder().name("deep diver").stack_size(65536).spawn_local([] { recurse(0); }).join();
}

struct sigaction chained;

template <void (*handler)(int, siginfo_t*, void*)>
void install(int flags = 0) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | flags;
  if (::sigaction(SIGSEGV, &action, &chained) != 0) std::abort();
}

void tell_first(int, siginfo_t* info, void*) { say(info->si_addr != nullptr ? "first handler\n" : "no address\n"); }
void tell_later(int, siginfo_t*, void*) { say("later handler\n"); }
void tell_and_leave(int, siginfo_t*, void*) {
  say("later handler leaves\n");
  ::_exit(7);
}
void tell_and_chain(int signal, siginfo_t* info, void* context) {
  say("chaining handler\n");
  if ((chained.sa_flags & SA_SIGINFO) != 0) chained.sa_sigaction(signal, info, context);
}
void tell_plain(int) { say("plain handler\n"); }

void fault() {
  // Not the null page: sanitizers would find that out before the kernel does.
  volatile int* nowhere = reinterpret_cast<volatile int*>(std::uintptr_t{0x4000});
  __asm__ volatile("" : "+r"(nowhere));
  *nowhere = 1;
}

const death_test::Mode kModes[] = {
    {"named", [] { runtime::run(overflow_in_task); }},
    {"nameless",
     [] {
       runtime::Builder builder;
       builder.stack_size(32768).build_local().block_on([] { runtime::spawn_local([] { recurse(0); }).join(); });
     }},
    {"large-frame",
     [] {
       runtime::run([] {
         runtime::TaskBuilder().name("jumper").stack_size(65536).spawn_local([] { jump_into_guard(); }).join();
       });
     }},
    {"among-others",
     [] {
       runtime::run([] {
         for (int i = 0; i < 200; ++i) runtime::spawn_local([] { runtime::sleep_for(std::chrono::hours(1)); });
         runtime::sleep_for(std::chrono::milliseconds(1));
         overflow_in_task();
       });
     }},
    {"other-thread", [] { std::thread([] { runtime::run(overflow_in_task); }).join(); }},
    {"nested-runtime", [] { runtime::run([] { runtime::spawn_local([] { runtime::run(overflow_in_task); }).join(); }); }},
    {"previous-handler",
     [] {
       install<tell_first>();
       runtime::run(overflow_in_task);
     }},
    {"plain-handler",
     [] {
       ::signal(SIGSEGV, tell_plain);
       runtime::run(overflow_in_task);
     }},
    {"later-wins",
     [] {
       runtime::run([] {
         install<tell_and_leave>();
         overflow_in_task();
       });
     }},
    {"later-chained",
     [] {
       runtime::LocalRuntime rt;
       install<tell_first>();
       rt.block_on([] { install<tell_later>(); });
       rt.block_on(overflow_in_task);
     }},
    {"later-chains-back",
     [] {
       install<tell_first>();
       runtime::LocalRuntime rt;
       rt.block_on([] { install<tell_and_chain>(); });
       rt.block_on(overflow_in_task);
     }},
    {"ordinary-fault", [] { runtime::run([] { runtime::spawn_local(fault).join(); }); }},
    {"ordinary-fault-in-root", [] { runtime::run(fault); }},
    {"ordinary-fault-after-runtime",
     [] {
       runtime::run([] {});
       fault();
     }},
    {"ordinary-fault-handled",
     [] {
       install<tell_and_leave>();
       runtime::run([] { runtime::spawn_local(fault).join(); });
     }},
    {"raised", [] { runtime::run([] { runtime::spawn_local([] { ::raise(SIGSEGV); }).join(); }); }},
    {"deep-but-fits",
     [] {
       runtime::run([] {
         runtime::TaskBuilder().stack_size(256 * 1024).spawn_local([] { jump_into_guard(); }).join();
       });
     }},
};

}  // namespace

int main(int argc, char** argv) { return death_test::choose(kModes, argc, argv); }
