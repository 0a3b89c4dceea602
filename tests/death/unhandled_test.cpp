// UnhandledException::terminate: what nobody received is told, and ends the program.

#include "death/support.hpp"

using death_test::Death;
using death_test::die;

namespace {

void check_told(const char* mode, const char* words) {
  CAPTURE(mode);
  const Death death = die(mode);
  CHECK(death.exit_code == 9);  // through the program's terminate handler
  CHECK(death.says("runtime: "));
  CHECK(death.says(words));
  CHECK(death.says("the milk is sour"));
}

}  // namespace

TEST_CASE("terminate tells which task it was, and ends the program") {
  check_told("detached", "dairy");
  check_told("handle-goes", "dairy");
  check_told("pool-thread", "dairy");
  check_told("at-shutdown", "dairy");
  check_told("in-hook", "on_task_spawn");
}

TEST_CASE("terminate does nothing about what is received") {
  const Death death = die("received");
  CHECK(death.exit_code == 0);
  CHECK(death.text.empty());
}
