#include <sys/socket.h>

#include <runtime/posix.h>

#include "posix_support.hpp"

using namespace posix_test;
using namespace std::chrono_literals;

TEST_CASE_FIXTURE(Limits, "calls that never have to wait do not keep timers and other tasks from their turn") {
  const Pair pair = make_sockets();
  on_fiber([&] {
    bool fired = false;
    auto timer = runtime::spawn_local([&] {
      runtime::sleep_for(1ms);
      fired = true;
    });
    char byte;
    while (!fired) {
      REQUIRE(runtime_send(pair.a, "x", 1, 0) == 1);
      REQUIRE(runtime_read(pair.b, &byte, 1) == 1);
    }
    timer.join();
  });
}

TEST_CASE_FIXTURE(Limits, "a loop over a non-blocking descriptor that is never ready gives way, too, with errno kept") {
  const Pair pair = make_sockets();
  set_nonblocking(pair.b);
  on_fiber([&] {
    bool fired = false;
    auto timer = runtime::spawn_local([&] {
      runtime::sleep_for(1ms);
      fired = true;
    });
    char byte;
    while (!fired) {
      errno = 0;
      REQUIRE(runtime_recv(pair.b, &byte, 1, 0) == -1);
      REQUIRE(errno == EAGAIN);
    }
    timer.join();
  });
}
