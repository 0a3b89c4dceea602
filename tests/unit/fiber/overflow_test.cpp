#include "fiber/overflow.hpp"

#include <sys/mman.h>

#include <cstring>

#include <doctest/doctest.h>

#include "base/valgrind.hpp"
#include "support/child.hpp"
#include "support/leak_check.hpp"

using namespace runtime::fiber;

// The faults happen in children: one that is survived would leave handlers behind. Valgrind has a word of its own to
// say of each fault, and ends the child with a status of its own.
TEST_SUITE_BEGIN("faults" * doctest::skip(runtime::base::under_valgrind()));

namespace {

constexpr std::size_t kPage = 4096;

volatile char* guard_page = nullptr;
volatile char* other_page = nullptr;

bool in_guard_page(const void* address, OverflowedTask& found) noexcept {
  if (address < const_cast<char*>(guard_page) || address >= const_cast<char*>(guard_page) + kPage) return false;
  found = {7, "deep", 12345, "story.cpp", 42};
  return true;
}

void make_pages() {
  void* area = ::mmap(nullptr, 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED) ::_exit(95);
  guard_page = static_cast<volatile char*>(area);
  other_page = guard_page + kPage;
}

void install(void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGSEGV, &action, nullptr);
}

void exit_42(int, siginfo_t*, void*) {
  test::say("the program's handler");
  ::_exit(42);
}

// A handler as libraries write them: it does its work and goes on to the one it found.
struct sigaction found_by_chaining;
int chained = 0;
void chain(int signal, siginfo_t* info, void* context) {
  test::say("the chaining handler");
  if (++chained > 3) ::_exit(94);
  found_by_chaining.sa_sigaction(signal, info, context);
}
void install_chaining() {
  ::sigaction(SIGSEGV, nullptr, &found_by_chaining);
  install(&chain);
}

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t n = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

const std::string kReport = "stack overflow in task 7 \"deep\", spawned at story.cpp:42: its stack of 12345 bytes";

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "an overflow is told in words, with frames, and kills") {
  const auto end = test::in_child([] {
    make_pages();
    watch_for_overflow(&in_guard_page);
    guard_page[0] = 1;
  });
  CAPTURE(end);
  CHECK(end.signal == SIGSEGV);
  CHECK(count(end.text, kReport) == 1);
  const std::string frames = end.text.substr(end.text.find("Innermost frames:\n"));
  CHECK(count(frames, "\n") > 3);
}

TEST_CASE_FIXTURE(test::LeakCheck, "after the report the program's own handler has its turn") {
  const auto end = test::in_child([] {
    make_pages();
    install(&exit_42);
    watch_for_overflow(&in_guard_page);
    guard_page[0] = 1;
  });
  CAPTURE(end);
  CHECK(end.status == 42);
  CHECK(end.text.find(kReport) < end.text.find("the program's handler"));
}

TEST_CASE_FIXTURE(test::LeakCheck, "any other fault goes to the program's handler without a word") {
  const auto end = test::in_child([] {
    make_pages();
    install(&exit_42);
    watch_for_overflow(&in_guard_page);
    other_page[0] = 1;
  });
  CHECK(end.status == 42);
  CHECK(end.text == "the program's handler\n");
}

TEST_CASE_FIXTURE(test::LeakCheck, "any other fault kills a program without a handler, without a word") {
  const auto end = test::in_child([] {
    make_pages();
    watch_for_overflow(&in_guard_page);
    other_page[0] = 1;
  });
  CHECK(end.signal == SIGSEGV);
  CHECK(end.text.empty());
}

TEST_CASE_FIXTURE(test::LeakCheck, "a fault that the program's handler repairs goes on") {
  const auto end = test::in_child([] {
    make_pages();
    install([](int, siginfo_t* info, void*) {
      if (info->si_addr != other_page) ::_exit(93);
      ::mprotect(const_cast<char*>(other_page), kPage, PROT_READ | PROT_WRITE);
    });
    watch_for_overflow(&in_guard_page);
    other_page[0] = 1;
    test::say("repaired");
  });
  CHECK(end.status == 0);
  CHECK(end.text == "repaired\n");
}

TEST_CASE_FIXTURE(test::LeakCheck, "a SIGSEGV that somebody sent is no overflow") {
  const auto end = test::in_child([] {
    make_pages();
    install(&exit_42);
    watch_for_overflow([](const void*, OverflowedTask&) noexcept { return true; });
    ::raise(SIGSEGV);
  });
  CHECK(end.status == 42);
  CHECK(end.text == "the program's handler\n");
}

TEST_CASE_FIXTURE(test::LeakCheck, "watching again and again adds no handler") {
  const auto end = test::in_child([] {
    make_pages();
    install(&exit_42);
    for (int i = 0; i < 5; ++i) watch_for_overflow(&in_guard_page);
    guard_page[0] = 1;
  });
  CHECK(end.status == 42);
  CHECK(count(end.text, kReport) == 1);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a handler put in front of ours, that chains to it, ends in the first handler") {
  const auto end = test::in_child([] {
    make_pages();
    install(&exit_42);
    watch_for_overflow(&in_guard_page);
    install_chaining();
    guard_page[0] = 1;
  });
  CAPTURE(end);
  CHECK(end.status == 42);
  CHECK(count(end.text, kReport) == 1);
  CHECK(count(end.text, "the chaining handler") == 1);
}

TEST_CASE_FIXTURE(test::LeakCheck, "ours, a chaining handler and ours again in front make no circle") {
  for (const bool overflow : {true, false}) {
    const auto end = test::in_child([overflow] {
      make_pages();
      install(&exit_42);
      watch_for_overflow(&in_guard_page);
      install_chaining();
      watch_for_overflow(&in_guard_page);
      *(overflow ? guard_page : other_page) = 1;
    });
    CAPTURE(end);
    CHECK(end.status == 42);
    CHECK(count(end.text, kReport) == (overflow ? 1 : 0));
    CHECK(count(end.text, "the chaining handler") == 1);
  }
}

TEST_SUITE_END();

TEST_CASE_FIXTURE(test::LeakCheck,
                  "a signal stack is there between enter and leave, and the program's big one is kept") {
  stack_t before{}, during{}, after{};
  ::sigaltstack(nullptr, &before);
  SignalStack ours;
  ours.enter();
  ours.enter();
  ::sigaltstack(nullptr, &during);
  ours.leave();
  ours.leave();
  ::sigaltstack(nullptr, &after);
  CHECK((during.ss_flags & SS_DISABLE) == 0);
  CHECK(during.ss_size >= 32 * 1024);
  CHECK(after.ss_sp == before.ss_sp);
  CHECK(after.ss_flags == before.ss_flags);

  std::string memory(128 * 1024, '\0');
  stack_t big{};
  big.ss_sp = memory.data();
  big.ss_size = memory.size();
  REQUIRE(::sigaltstack(&big, nullptr) == 0);
  ours.enter();
  ::sigaltstack(nullptr, &during);
  CHECK(during.ss_sp == memory.data());
  ours.leave();
  ::sigaltstack(nullptr, &during);
  CHECK(during.ss_sp == memory.data());
  REQUIRE(::sigaltstack(&before, nullptr) == 0);
}
