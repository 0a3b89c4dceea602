// Misuse that a destructor finds is reported and ends the program.

#include "death/support.hpp"

using death_test::Death;
using death_test::die;

namespace {

void check_reported(const char* mode, const char* words) {
  CAPTURE(mode);
  const Death death = die(mode);
  CHECK(death.signal == SIGABRT);
  CHECK(death.says("runtime: "));
  CHECK(death.says(words));
}

}  // namespace

TEST_CASE("destroying a runtime on the wrong thread is reported and terminates") {
  check_reported("wrong-thread", "thread");
}

TEST_CASE("destroying a runtime inside its own block_on is reported and terminates") {
  check_reported("inside-root", "block_on");
  check_reported("inside-task", "block_on");
  check_reported("assigned-inside-root", "block_on");
}

TEST_CASE("destroying a pool of runtimes on one of its own threads is reported and terminates") {
  check_reported("pool-on-its-own-thread", "LocalPool");
}

TEST_CASE("guards released out of order are reported and terminate") {
  check_reported("guards-out-of-order", "EnterGuard");
  check_reported("guard-on-another-thread", "EnterGuard");
  check_reported("guard-outlives-block-on", "EnterGuard");
  const Death death = die("in-order");
  CHECK(death.exit_code == 0);
  CHECK(death.text.empty());
}

TEST_CASE("the program ends through its terminate handler") {
  const Death death = die("terminate-handler");
  CHECK(death.exit_code == 9);
  CHECK(death.says("the program's terminate handler"));
  CHECK(death.text.find("runtime: ") < death.text.find("the program's"));
}

TEST_CASE("a cancellation that meets a noexcept frame terminates the program") {
  CHECK(die("noexcept-frame").signal == SIGABRT);
}
