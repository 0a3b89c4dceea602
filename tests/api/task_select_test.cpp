// select(): the first branch that ends decides, the others are unwound before it returns.

#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;

TEST_CASE("the first branch to end gives its result; the others are cancelled and unwound before select returns") {
  Checked house;
  house.rt.block_on([] {
    std::string log;
    auto selected = runtime::select(
        [&] {
          const AtExit at_exit([&] {
            runtime::sleep_for(100us);
            log += "loser unwound";
          });
          wait_for_ever();
          return 1;
        },
        [] {
          runtime::sleep_for(100us);
          return std::string("winner");
        });
    CHECK(log == "loser unwound");
    CHECK(selected.index() == 1);
    CHECK(selected.get<1>() == "winner");
    CHECK(code_of([&] { selected.get<0>(); }) == Errc::invalid_argument);
    CHECK_FALSE(runtime::this_task::is_cancelled());
    runtime::sleep_for(1us);
  });
}

TEST_CASE("an exception decides as well, and comes out of get") {
  Checked house;
  house.rt.block_on([] {
    auto selected = runtime::select([] { wait_for_ever(); }, []() -> int { throw std::runtime_error("thrown"); });
    CHECK(selected.index() == 1);
    CHECK_THROWS_WITH_AS(selected.get<1>(), "thrown", std::runtime_error);
    CHECK(code_of([&] { selected.get<0>(); }) == Errc::invalid_argument);
  });
}

TEST_CASE("select decides in the step in which the first branch ends: those that have not started never do") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Checked house(Builder().rng_seed(seed));
    house.rt.block_on([] {
      int started = 0;
      const auto branch = [&] { return ++started; };
      auto selected = runtime::select(branch, branch, branch, branch);
      CHECK(started == 1);
      CHECK(selected.index() < 4);
    });
  }
}

TEST_CASE("the order of starting is the seed's: the same again, and each branch is first sometimes") {
  const auto winners = [](std::uint64_t seed) {
    LocalRuntime rt = Builder().rng_seed(seed).build_local();
    std::vector<std::size_t> indices;
    for (int i = 0; i < 20; ++i) {  // the sequence goes on over several block_on
      rt.block_on([&] { indices.push_back(runtime::select([] {}, [] {}, [] {}).index()); });
    }
    return indices;
  };
  const auto first = winners(42);
  CHECK(first == winners(42));
  CHECK(first != winners(43));
  CHECK(std::set<std::size_t>(first.begin(), first.end()).size() == 3);
}

TEST_CASE("a loser that had its result at the same moment has lost; its own exception is unhandled") {
  Checked house;
  CapturedStderr captured;
  house.rt.block_on([] {
    bool go = false;
    const auto waits = [&] {
      while (!go) runtime::yield_now();
    };
    auto selected = runtime::select(
        [&] {
          try {
            wait_for_ever();
          } catch (const Cancelled&) {
            throw std::runtime_error("the loser's own");
          }
        },
        [&] {
          waits();
          return 1;
        },
        [&] {
          try {
            wait_for_ever();
          } catch (const Cancelled&) {
          }
          return 2;  // a value that comes too late
        },
        [&] {
          runtime::yield_now();
          go = true;
          wait_for_ever();
        });
    CHECK(selected.index() == 1);
    CHECK(code_of([&] { selected.get<2>(); }) == Errc::invalid_argument);
  });
  CHECK(occurrences(captured.text(), "the loser's own") == 1);
}

TEST_CASE("branches share id, name, task-locals and cancellation with their caller; each has its own fiber-locals") {
  static runtime::TaskLocal<std::string> local;
  static runtime::FiberLocal<int> fiber_local;
  Checked house;
  house.rt.block_on([] {
    runtime::TaskBuilder()
        .name("selecting")
        .stack_size(64 * 1024)
        .spawn_local([] {
          *fiber_local = 5;
          const auto id = runtime::this_task::id();
          std::string caller_name(runtime::this_task::name());
          int seen = 0;
          local.scope("bound", [&] {
            const auto looks = [&] {
              CHECK(runtime::this_task::id() == id);
              CHECK(runtime::this_task::name() == caller_name);
              CHECK(*fiber_local == 0);
              *fiber_local = 6;
              local.with([](std::string& value) { value += "+"; });
              local.scope("inner", [] { CHECK(local.get() == "inner"); });
              ++seen;
              wait_for_ever();
            };
            static_cast<void>(runtime::select(looks, looks, [] { runtime::sleep_for(1ms); }));
            CHECK(local.get() == "bound++");
          });
          CHECK(seen == 2);
          CHECK(*fiber_local == 5);
          CHECK(caller_name == "selecting");
        })
        .join();
    // The root has no id, and so its branches have none.
    static_cast<void>(runtime::select([] { CHECK_FALSE(runtime::this_task::try_id()); }));
    // A branch counts as its task when it comes to joining.
    std::optional<JoinHandle<void>> own;
    own = runtime::spawn_local([&] {
      static_cast<void>(runtime::select([&] { CHECK(code_of([&] { own->join(); }) == Errc::would_deadlock); }));
    });
    own->join();
  });
}

TEST_CASE("when the caller is aborted all branches are unwound, then the caller") {
  Checked house;
  house.rt.block_on([] {
    std::string log;
    const auto branch = [&log](const char* words) {
      return [&log, words] {
        const AtExit at_exit([&log, words] {
          CHECK(runtime::this_task::is_cancelled());
          runtime::yield_now();
          log += words;
        });
        wait_for_ever();
      };
    };
    auto task = runtime::spawn_local([&] {
      const AtExit at_exit([&] { log += "caller"; });
      static_cast<void>(runtime::select(branch("branch "), branch("branch ")));
    });
    settle();
    task.abort();
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK(log == "branch branch caller");
  });
}

TEST_CASE("cancellation wins over a branch that ended but was not yet taken; its exception is unhandled then") {
  Checked house;
  CapturedStderr captured;
  house.rt.block_on([] {
    std::optional<runtime::AbortHandle> abort;
    bool went_on = false;
    auto task = runtime::spawn_local([&] {
      static_cast<void>(runtime::select([] { wait_for_ever(); },
                                        [&] {
                                          runtime::yield_now();
                                          abort->abort();
                                          throw std::runtime_error("not taken");
                                        }));
      went_on = true;
    });
    abort = task.abort_handle();
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK_FALSE(went_on);
  });
  CHECK(occurrences(captured.text(), "not taken") == 1);
}

TEST_CASE("a caller that is cancelled already starts no branch; branches not started when it is aborted never do") {
  Checked house;
  house.rt.block_on([] {
    int started = 0;
    const auto branch = [&] { ++started; };
    std::optional<runtime::AbortHandle> abort;
    auto task = runtime::spawn_local([&] {
      abort->abort();
      static_cast<void>(runtime::select(branch, branch));
    });
    abort = task.abort_handle();
    CHECK_THROWS_AS(task.join(), JoinError);
    auto other = runtime::spawn_local([&] { static_cast<void>(runtime::select(branch, branch)); });
    abort = other.abort_handle();
    // It has its turn after `other` has queued its branches, and before them.
    runtime::spawn_local([&] { abort->abort(); });
    CHECK_THROWS_AS(other.join(), JoinError);
    CHECK(started <= 1);
  });
}

TEST_CASE("a timeout around select ends it, one inside a branch ends that branch's wait only, and a shield holds") {
  Checked house;
  house.rt.block_on([] {
    int unwound = 0;
    const auto branch = [&] {
      const AtExit at_exit([&] { ++unwound; });
      wait_for_ever();
    };
    CHECK_THROWS_AS(runtime::timeout(1ms, [&] { static_cast<void>(runtime::select(branch, branch)); }),
                    runtime::Elapsed);
    CHECK(unwound == 2);

    auto selected = runtime::select(branch, [] { runtime::timeout(1ms, [] { wait_for_ever(); }); });
    CHECK(selected.index() == 1);
    CHECK_THROWS_AS(selected.get<1>(), runtime::Elapsed);

    bool shielded = false;
    static_cast<void>(runtime::select([] { runtime::yield_now(); },
                                      [&] {
                                        runtime::shield([&] {
                                          runtime::sleep_for(1ms);
                                          CHECK(runtime::this_task::is_cancelled());
                                          shielded = true;
                                        });
                                      }));
    CHECK(shielded);  // the loser is waited for
  });
}

TEST_CASE("select works in the root, in branches of select, in destructors during unwinding, and in nested runtimes") {
  Checked house;
  house.rt.block_on([] {
    const auto one_of_two = [] {
      auto selected = runtime::select(
          [] {
            auto inner = runtime::select([] { wait_for_ever(); },
                                         [] {
                                           runtime::sleep_for(100us);
                                           return 3;
                                         });
            return inner.get<1>();
          },
          [] { wait_for_ever(); });
      return selected.get<0>();
    };
    CHECK(one_of_two() == 3);
    CHECK(runtime::run(one_of_two) == 3);
    int in_destructor = 0;
    auto task = runtime::spawn_local([&] {
      const AtExit at_exit([&] { in_destructor = one_of_two(); });
      wait_for_ever();
    });
    settle();
    task.abort();
    CHECK_THROWS_AS(task.join(), JoinError);
    CHECK(in_destructor == 3);
  });
}

namespace {
int five() { return 5; }
}  // namespace

TEST_CASE("results and callables of every kind") {
  struct NoDefault {
    explicit NoDefault(int number) : value(number) {}
    NoDefault(NoDefault&&) = default;
    NoDefault& operator=(NoDefault&&) = delete;
    const int value;
  };
  struct OnlyAsRvalue {
    int operator()() && { return 8; }
  };
  Checked house;
  house.rt.block_on([] {
    const auto never = [] { wait_for_ever(); };
    int local = 4;
    CHECK(&runtime::select([&]() -> int& { return local; }).get<0>() == &local);
    CHECK(*runtime::select([] { return std::make_unique<int>(6); }).get<0>() == 6);
    CHECK(runtime::select([] { return NoDefault(7); }).get<0>().value == 7);
    runtime::select([] {}).get<0>();
    CHECK(runtime::select([]() -> const std::string { return "constant"; }).get<0>() == "constant");
    CHECK(runtime::select(five).get<0>() == 5);
    CHECK(runtime::select(&five).get<0>() == 5);
    CHECK(runtime::select(OnlyAsRvalue()).get<0>() == 8);
    const auto constant = [&] { return local; };
    CHECK(runtime::select(constant).get<0>() == 4);
    auto counting = [n = 0]() mutable { return ++n; };
    CHECK(runtime::select(counting).get<0>() == 1);
    CHECK(runtime::select(counting).get<0>() == 2);  // the caller's own, not a copy
    auto both = runtime::select(never, [p = std::make_unique<int>(9)]() mutable { return std::move(p); });
    CHECK(*both.get<1>() == 9);
  });
}

TEST_CASE("branches are counted nowhere") {
  Checked house;
  house.rt.block_on([&] {
    const auto before = house.rt.metrics();
    static_cast<void>(runtime::select([&] { CHECK(house.rt.metrics().num_alive_tasks() == before.num_alive_tasks()); }));
    CHECK(house.rt.metrics().spawned_tasks_count() == before.spawned_tasks_count());
  });
}

TEST_CASE("outside a fiber there is no select") {
  Checked house;
  const auto code = [] {
    CHECK(code_of([] { static_cast<void>(runtime::select([] {})); }) == Errc::no_runtime);
  };
  code();
  std::thread(code).join();
  house.rt.block_on([&] { runtime::spawn_blocking(code).join(); });
}

TEST_CASE("a shutdown unwinds the branches of a task that selects") {
  const Limits limits;
  int unwound = 0;
  LocalRuntime rt;
  rt.block_on([&] {
    runtime::spawn_local([&] {
      const auto branch = [&] {
        const AtExit at_exit([&] {
          runtime::sleep_for(100us);
          ++unwound;
        });
        wait_for_ever();
      };
      const AtExit at_exit([&] {
        // The runtime closes; what a destructor selects is waited for all the same.
        if (runtime::select([] { return 4; }).get<0>() == 4) ++unwound;
      });
      static_cast<void>(runtime::select(branch, branch));
    });
    settle();
  });
  const auto report = rt.shutdown_timeout(1h);
  CHECK(report.tasks_cancelled == 1);
  CHECK(report.tasks_left_parked == 0);
  CHECK(unwound == 3);
}
