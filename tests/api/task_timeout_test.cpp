// timeout() and timeout_at(): a deadline for the frames above one call.

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "support.hpp"

using namespace api_test;
using runtime::Elapsed;
using runtime::timeout;

namespace {

/// Keeps the thread, so that time passes and nothing else happens.
void compute_for(std::chrono::microseconds d) {
  const auto end = std::chrono::steady_clock::now() + d;
  while (std::chrono::steady_clock::now() < end) {
  }
}

}  // namespace

TEST_CASE("a function that is done in time gives its value, of any kind, and what it throws comes out") {
  Checked house;
  house.rt.block_on([] {
    int local = 1;
    CHECK(timeout(1h, [] { return 4; }) == 4);
    CHECK(&timeout(1h, [&]() -> int& { return local; }) == &local);
    CHECK(*timeout(1h, [] {
      runtime::sleep_for(100us);
      return std::make_unique<int>(5);
    }) == 5);
    timeout(1h, [] {});
    CHECK_THROWS_WITH_AS(timeout(1h, [] { throw std::runtime_error("own"); }), "own", std::runtime_error);
    CHECK(timeout(std::chrono::duration<double>(1e300), [] { return 6; }) == 6);  // never
  });
}

TEST_CASE("at the deadline the function's frames are unwound first, then Elapsed is thrown, and the task goes on") {
  Checked house;
  house.rt.block_on([] {
    const auto begin = std::chrono::steady_clock::now();
    std::string log;
    try {
      timeout(2ms, [&] {
        const AtExit at_exit([&] {
          CHECK(runtime::this_task::is_cancelled());
          runtime::sleep_for(100us);
          log += "unwound ";
        });
        wait_for_ever();
      });
    } catch (const Elapsed& elapsed) {
      log += "elapsed";
      CHECK(elapsed.code() == Errc::elapsed);
    }
    CHECK(log == "unwound elapsed");
    CHECK(std::chrono::steady_clock::now() - begin >= 2ms);
    CHECK_FALSE(runtime::this_task::is_cancelled());
    runtime::sleep_for(1us);
    // And again: the first one left nothing behind.
    CHECK_THROWS_AS(timeout(1ms, [] { wait_for_ever(); }), Elapsed);
  });
}

TEST_CASE("completion wins: a function that is done is done, however late, swallowing or throwing") {
  Checked house;
  house.rt.block_on([] {
    CHECK(timeout(1us, [] {
            compute_for(500us);
            return 1;
          }) == 1);
    CHECK(timeout(1us, [] {
            try {
              wait_for_ever();
            } catch (...) {
            }
            return 2;
          }) == 2);
    const auto throws = [] {
      timeout(1us, [] {
        try {
          wait_for_ever();
        } catch (const Cancelled&) {
          throw std::runtime_error("instead");
        }
      });
    };
    CHECK_THROWS_WITH_AS(throws(), "instead", std::runtime_error);
    // What was swallowed comes again as long as the function runs, and not after it.
    int times = 0;
    timeout(1us, [&] {
      for (int i = 0; i < 3; ++i) {
        try {
          wait_for_ever();
        } catch (const Cancelled&) {
          ++times;
        }
      }
    });
    CHECK(times == 3);
    runtime::sleep_for(1us);
  });
}

TEST_CASE("zero lets the function run to its first wait that does not complete at once") {
  Checked house;
  house.rt.block_on([] {
    auto done = runtime::spawn_local([] { return 3; });
    done.wait();
    CHECK(timeout(0s, [&] { return done.join(); }) == 3);
    bool reached = false;
    CHECK_THROWS_AS(timeout(0s,
                            [&] {
                              reached = true;
                              wait_for_ever();
                            }),
                    Elapsed);
    CHECK(reached);
    CHECK_THROWS_AS(runtime::timeout_at(std::chrono::steady_clock::now() - 1s, [] { wait_for_ever(); }), Elapsed);
    CHECK_THROWS_AS(runtime::timeout_at(std::chrono::system_clock::now() + 1ms, [] { wait_for_ever(); }), Elapsed);
    CHECK(runtime::timeout_at(std::chrono::system_clock::now() + 1h, [] { return 5; }) == 5);
  });
}

TEST_CASE("a loop that only yields, joins what is done or consumes budget meets its deadline") {
  Checked house;
  house.rt.block_on([] {
    CHECK_THROWS_AS(timeout(1ms,
                            [] {
                              for (;;) runtime::yield_now();
                            }),
                    Elapsed);
    CHECK_THROWS_AS(timeout(1ms,
                            [] {
                              for (;;) runtime::this_task::consume_budget();
                            }),
                    Elapsed);
    CHECK_THROWS_AS(timeout(1ms,
                            [] {
                              for (;;) runtime::spawn_local([] {}).join();
                            }),
                    Elapsed);
    auto done = runtime::spawn_local([] {});
    done.wait();
    CHECK_THROWS_AS(timeout(1ms,
                            [&] {
                              for (;;) done.wait();
                            }),
                    Elapsed);
  });
}

TEST_CASE("of two deadlines that are due together the outer one wins, whichever was set to be earlier") {
  Checked house;
  house.rt.block_on([] {
    for (const auto inner : {2ms, 3ms, 4ms}) {
      std::string log;
      try {
        timeout(3ms, [&] {
          try {
            timeout(inner, [] {
              compute_for(6ms);  // nobody looks at the clock meanwhile, so both are due at the wait
              wait_for_ever();
            });
          } catch (const Elapsed&) {
            log += "inner";
          }
          log += " and on";
        });
      } catch (const Elapsed&) {
        log += "outer";
      }
      CHECK(log == "outer");
    }
  });
}

TEST_CASE("an inner deadline that is due alone ends the inner call only, and its Elapsed passes the outer as any error") {
  Checked house;
  house.rt.block_on([] {
    bool went_on = false;
    timeout(1h, [&] {
      CHECK_THROWS_AS(timeout(1ms, [] { wait_for_ever(); }), Elapsed);
      runtime::sleep_for(1us);
      went_on = true;
    });
    CHECK(went_on);
    CHECK_THROWS_AS(timeout(1h, [] { timeout(1ms, [] { wait_for_ever(); }); }), Elapsed);
    // An outer one that becomes due while the inner unwinds wins, too.
    std::string log;
    try {
      timeout(4ms, [&] {
        try {
          timeout(1ms, [&] {
            const AtExit at_exit([] { runtime::sleep_for(8ms); });
            wait_for_ever();
          });
        } catch (const Elapsed&) {
          log += "inner";
        }
      });
    } catch (const Elapsed&) {
      log += "outer";
    }
    CHECK(log == "outer");
  });
}

TEST_CASE("an abort wins over a deadline that is due with it, and unwinds the whole task") {
  Checked house;
  house.rt.block_on([] {
    bool elapsed = false;
    std::optional<runtime::AbortHandle> self;
    auto task = runtime::spawn_local([&] {
      try {
        timeout(1us, [&] {
          compute_for(200us);
          self->abort();
          wait_for_ever();
        });
      } catch (const Elapsed&) {
        elapsed = true;
      }
    });
    self = task.abort_handle();
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK_FALSE(elapsed);
  });
}

TEST_CASE("a wait inside a handler of Cancelled throws again, inside a shield it waits") {
  Checked house;
  house.rt.block_on([] {
    bool again = false, shielded = false;
    CHECK_THROWS_AS(timeout(1ms,
                            [&] {
                              try {
                                wait_for_ever();
                              } catch (const Cancelled&) {
                                try {
                                  runtime::sleep_for(1us);
                                } catch (const Cancelled&) {
                                  again = true;
                                }
                                runtime::shield([&] {
                                  runtime::sleep_for(1us);
                                  shielded = true;
                                });
                                throw;
                              }
                            }),
                    Elapsed);
    CHECK(again);
    CHECK(shielded);
  });
}

TEST_CASE("a timeout in a destructor works while an exception unwinds, aborted or not, and in a runtime nested there") {
  Checked house;
  house.rt.block_on([] {
    for (const bool aborted : {false, true}) {
      int elapsed = 0;
      auto task = runtime::spawn_local([&] {
        const AtExit at_exit([&] {
          runtime::sleep_for(100us);  // outside the timeout it parks as ever
          for (const bool nested : {false, true}) {
            try {
              timeout(1ms, [&] { nested ? runtime::run([] { wait_for_ever(); }) : wait_for_ever(); });
            } catch (const Elapsed&) {
              ++elapsed;
            }
          }
        });
        if (!aborted) throw std::runtime_error("unwinding");
        wait_for_ever();
      });
      settle();
      if (aborted) task.abort();
      CHECK_THROWS(task.join());
      CHECK(elapsed == 2);
    }
  });
}

TEST_CASE("a timeout around a runtime inside the fiber ends that runtime's root, and the thread's own runtime goes on") {
  Checked house;
  house.rt.block_on([] {
    bool unwound = false;
    LocalRuntime inner;
    for (int round = 0; round < 2; ++round) {
      CHECK_THROWS_AS(timeout(200ms,  // the inner one ends long before
                              [&] {
                                inner.block_on([&] {
                                  const AtExit at_exit([&] { unwound = true; });
                                  CHECK_THROWS_AS(timeout(100us, [] { wait_for_ever(); }), Elapsed);
                                  wait_for_ever();
                                });
                              }),
                      Elapsed);
      CHECK(unwound);
      CHECK(inner.block_on([] {
        runtime::sleep_for(100us);  // the next root is not cancelled
        return 1;
      }) == 1);
    }
  });
}

TEST_CASE("POSIX-style calls inside a timeout return ECANCELED, and offload waits for its closure") {
  Checked house;
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  house.rt.block_on([&] {
    char byte;
    int error = 0;
    timeout(1ms, [&] {
      CHECK(::runtime_read(fds[0], &byte, 1) == -1);
      error = errno;
    });
    CHECK(error == ECANCELED);
    bool returned = false;
    CHECK_THROWS_AS(timeout(1ms,
                            [&] {
                              runtime::offload([&] {
                                std::this_thread::sleep_for(5ms);
                                returned = true;
                              });
                            }),
                    Elapsed);
    CHECK(returned);
  });
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_CASE("misuse: outside a fiber, and a negative duration") {
  Checked house;
  CHECK(code_of([] { timeout(1s, [] {}); }) == Errc::no_runtime);
  CHECK(code_of([] { runtime::timeout_at(std::chrono::steady_clock::now(), [] {}); }) == Errc::no_runtime);
  house.rt.block_on([] {
    CHECK(code_of([] { timeout(-1ns, [] {}); }) == Errc::invalid_argument);
    CHECK(runtime::spawn_blocking([] { return code_of([] { timeout(1s, [] {}); }); }).join() == Errc::no_runtime);
    runtime::sleep_for(1us);
  });
}

TEST_CASE("a thousand tasks with deadlines of their own end each by its own") {
  Checked house;
  house.rt.block_on([] {
    int elapsed = 0, in_time = 0;
    runtime::scope([&](runtime::Scope& s) {
      for (int i = 0; i < 1000; ++i) {
        s.spawn([&, i] {
          try {
            if (i % 2 == 0) {
              timeout(std::chrono::microseconds(i), [] { wait_for_ever(); });
            } else {
              timeout(1h, [i] { runtime::sleep_for(std::chrono::microseconds(i)); });
              ++in_time;
            }
          } catch (const Elapsed&) {
            ++elapsed;
          }
        });
      }
    });
    CHECK(elapsed == 500);
    CHECK(in_time == 500);
  });
}
