// Calls that destructors make while their task is cancelled, or their runtime goes: they still work.

#include <netdb.h>

#include <functional>

#include "posix_support.hpp"

using namespace posix_test;

TEST_CASE_FIXTURE(Limits, "a destructor that runs because of the cancellation may still wait") {
  const Pair p = make_sockets();
  ssize_t received = -2;
  on_fiber([&] {
    struct LastWord {
      const Pair& p;
      ssize_t& received;
      ~LastWord() {
        char byte;
        received = runtime_recv(p.a, &byte, 1, 0);
      }
    };
    auto task = runtime::spawn_local([&] {
      const LastWord last{p, received};
      runtime::sleep_for(1h);
    });
    settle();
    task.abort();
    settle();
    CHECK_FALSE(task.is_finished());
    CHECK(::send(p.b, "x", 1, 0) == 1);
    CHECK_THROWS_AS(task.join(), runtime::JoinError);
  });
  CHECK(received == 1);
}

TEST_CASE_FIXTURE(Limits,
                  "a destructor that runs because the runtime goes may wait, write a file and close what lingers") {
  const Pair p = make_sockets();
  const Fd file = make_temporary_file();
  Pair tcp = make_tcp_pair();
  const linger option{1, 1};
  REQUIRE(::setsockopt(tcp.a, SOL_SOCKET, SO_LINGER, &option, sizeof option) == 0);
  Said received{}, written{}, closed{};
  int code = 0, code_errno = 0;
  struct LastWords {
    std::function<void()> say_them;
    ~LastWords() { say_them(); }
  };
  const auto last_words = [&] {
    char byte;
    received = say([&] { return runtime_recv(p.a, &byte, 1, 0); });
    // The pool takes nothing new by now: these are made on this thread.
    written = say([&] { return runtime_write(file, "abc", 3); });
    closed = say([&] { return runtime_close(tcp.a.release()); });
    // That one could take long, so it is not.
    addrinfo* answer;
    errno = 0;
    code = runtime_getaddrinfo("localhost", nullptr, nullptr, &answer);
    code_errno = errno;
  };
  {
    runtime::LocalRuntime rt;
    rt.block_on([&] {
      runtime::spawn_local([&] {
        const LastWords words{last_words};
        runtime::sleep_for(1h);
      });
      runtime::spawn_local([&] {
        const LastWords words{[&] { CHECK(::send(p.b, "x", 1, 0) == 1); }};
        runtime::sleep_for(1h);
      });
      settle();
    });
  }
  CHECK(received == done(1));
  CHECK(written == done(3));
  CHECK(closed == done(0));
  CHECK(code == EAI_SYSTEM);
  CHECK(code_errno == ECANCELED);
}
