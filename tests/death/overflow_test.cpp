// A stack overflow is told in words; then the program's own handler runs; then SIGSEGV kills.

#include <string>

#include "death/support.hpp"

using death_test::Death;
using death_test::die;

namespace {

/// Killed by the fault, with one text that has all there is to know.
void check_told(const Death& death, const char* size) {
  CHECK(death.signal == SIGSEGV);
  CHECK(death.says("stack overflow"));
  CHECK(death.text.find("stack overflow") == death.text.rfind("stack overflow"));
  CHECK(death.says(size));
  CHECK(death.says("overflow_victim.cpp:"));
}

}  // namespace

TEST_CASE("an endless recursion is told with the task's name, its stack's size and where it was spawned") {
  const Death death = die("named");
  check_told(death, "65536");
  CHECK(death.says("deep diver"));
}

TEST_CASE("a task without a name is told by its id") {
  const Death death = die("nameless");
  check_told(death, "32768");
  CHECK(death.says("task 1"));
}

TEST_CASE("a frame larger than the stack does not step over the guard") {
  const Death death = die("large-frame");
  check_told(death, "65536");
  CHECK(death.says("jumper"));
}

TEST_CASE("the right one of many tasks is named") {
  const Death death = die("among-others");
  check_told(death, "65536");
  CHECK(death.says("deep diver"));
}

TEST_CASE("an overflow is told on any thread, and in a runtime inside another") {
  for (const char* mode : {"other-thread", "nested-runtime"}) {
    const Death death = die(mode);
    check_told(death, "65536");
    CHECK(death.says("deep diver"));
  }
}

TEST_CASE("the handler that the program had before runs after the report, and the program still dies") {
  const Death death = die("previous-handler");
  check_told(death, "65536");
  CHECK(death.text.find("first handler") > death.text.find("stack overflow"));
  CHECK(death.says("first handler"));
  const Death plain = die("plain-handler");
  check_told(plain, "65536");
  CHECK(plain.says("plain handler"));
}

TEST_CASE("a handler that the program installs later wins") {
  const Death death = die("later-wins");
  CHECK(death.exit_code == 7);
  CHECK(death.says("later handler leaves"));
  CHECK_FALSE(death.says("stack overflow"));
}

TEST_CASE("the next block_on takes a later handler into the chain") {
  const Death death = die("later-chained");
  check_told(death, "65536");
  CHECK(death.says("later handler"));
  CHECK_FALSE(death.says("first handler"));  // the later one does not call it
}

TEST_CASE("a later handler that calls the one before it reaches the first one, and nothing is told twice") {
  const Death death = die("later-chains-back");
  check_told(death, "65536");
  CHECK(death.says("chaining handler"));
  CHECK(death.text.find("chaining handler") == death.text.rfind("chaining handler"));
  CHECK(death.says("first handler"));
}

TEST_CASE("an ordinary fault is not called overflow, and kills as it would without a runtime") {
  for (const char* mode : {"ordinary-fault", "ordinary-fault-in-root", "ordinary-fault-after-runtime", "raised"}) {
    CAPTURE(mode);
    const Death death = die(mode);
    CHECK(death.signal == SIGSEGV);
    CHECK_FALSE(death.says("overflow"));
  }
}

TEST_CASE("an ordinary fault reaches the program's handler") {
  const Death death = die("ordinary-fault-handled");
  CHECK(death.exit_code == 7);
  CHECK_FALSE(death.says("overflow"));
}

TEST_CASE("what fits into its stack survives") {
  const Death death = die("deep-but-fits");
  CHECK(death.exit_code == 0);
  CHECK(death.text.empty());
}
