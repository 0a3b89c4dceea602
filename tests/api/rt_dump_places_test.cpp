// From where a dump can be asked for: inside, outside, other threads, runtimes inside runtimes, the end of a runtime.

#include <poll.h>

#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "dump_support.hpp"
#include "support.hpp"

using namespace api_test;

namespace {

RUNTIME_TEST_NOINLINE void wait_in_a_function_of_ours() {
  wait_for_ever();
  keep_frame();
}

/// A runtime on a thread of its own, with one sleeping task, until it is told to end.
class Neighbour {
 public:
  explicit Neighbour(std::chrono::milliseconds late = 0ms) : thread_([this, late] { main(late); }) {
    while (!is_up_) std::this_thread::sleep_for(100us);
  }
  ~Neighbour() {
    end_.cancel();
    thread_.join();
  }
  const Handle& handle() const { return *handle_; }

 private:
  void main(std::chrono::milliseconds late) {
    LocalRuntime rt;
    handle_.emplace(rt.handle());
    auto task = rt.spawn_local([] { wait_in_a_function_of_ours(); });
    if (late == 0ms) rt.block_on([] { settle(); });
    is_up_ = true;
    std::this_thread::sleep_for(late);
    rt.block_on([this] { end_.wait(); });
  }

  runtime::CancellationToken end_;
  std::optional<Handle> handle_;
  std::atomic<bool> is_up_{false};
  std::thread thread_;
};

RUNTIME_TEST_NOINLINE void use_runtime_inside(LocalRuntime& inner, const runtime::CancellationToken& end) {
  inner.block_on([&] { end.wait(); });
  keep_frame();
}

template <class F>
JoinHandle<void> spawn_named(const char* name, F f) {
  return runtime::TaskBuilder().name(name).spawn_local(std::move(f));
}

}  // namespace

TEST_CASE("another thread gets a dump of a runtime that runs, and of one that sleeps") {
  Limits limits;
  const Neighbour neighbour;
  for (int i = 0; i < 3; ++i) {
    const auto dump = neighbour.handle().dump();
    CHECK(dump.size() == 1);
    if (kWalks) CHECK(contains(dump.to_text(), "wait_in_a_function_of_ours()"));
    CHECK(contains(dump.to_text(), "root: parked\n  waits for cancellation token"));
  }
}

TEST_CASE("a blocking closure of the runtime itself may ask") {
  Checked house;
  house.rt.block_on([] {
    auto asking = runtime::spawn_blocking([handle = Handle::current()] { return handle.dump().to_text(); });
    CHECK(contains(asking.join(), "root: parked\n  waits for blocking job"));
  });
}

TEST_CASE("a fiber of another runtime waits for the answer, and its siblings go on") {
  Checked house;
  const Neighbour neighbour(50ms);  // it does not look before it is in block_on
  house.rt.block_on([&] {
    auto asking = spawn_named("asking", [&] { CHECK(neighbour.handle().dump().size() == 1); });
    settle();
    const std::string text = section(Handle::current().dump().to_text(), "asking");
    if (!text.empty()) CHECK(contains(text, "waits for other runtime, since "));
    asking.join();
  });
}

TEST_CASE("a task that is aborted need not wait for a runtime that does not answer") {
  Checked house;
  std::promise<Handle> built;
  std::atomic<bool> may_end{false};
  std::thread owner([&] {
    LocalRuntime rt;
    built.set_value(rt.handle());
    while (!may_end) std::this_thread::sleep_for(100us);
    rt.block_on([] { settle(); });  // what was asked for is answered to nobody
  });
  const Handle handle = built.get_future().get();
  bool cancelled = false;
  house.rt.block_on([&] {
    auto asking = runtime::spawn_local([&] {
      try {
        handle.dump();
      } catch (const Cancelled&) {
        cancelled = true;
        throw;
      }
    });
    settle();
    asking.abort();
    CHECK_THROWS_AS(asking.join(), JoinError);
    auto late = runtime::spawn_local([&] { handle.dump(); });
    settle();
    late.abort();
    may_end = true;  // the answer and the abort may meet
    late.wait();
  });
  CHECK(cancelled);
  owner.join();
}

TEST_CASE("two runtimes ask each other at once") {
  Checked house;
  const Neighbour neighbour;
  house.rt.block_on([&] {
    auto mine = house.rt.handle();
    auto theirs = neighbour.handle().spawn([mine] { return mine.dump().size(); });
    CHECK(neighbour.handle().dump().size() >= 1);
    CHECK(theirs.join() == 0);
  });
}

TEST_CASE("an embedded runtime answers in run_ready(), and its descriptor says that it is asked") {
  Checked house;
  auto task = house.rt.spawn_local([] { wait_in_a_function_of_ours(); });
  CHECK(house.rt.run_ready() == 1);
  pollfd entry{house.rt.poll_fd(), POLLIN, 0};
  CHECK(::poll(&entry, 1, 0) == 0);
  std::string text;
  std::thread asking([&, handle = house.rt.handle()] { text = handle.dump().to_text(); });
  CHECK(::poll(&entry, 1, 10'000) == 1);
  CHECK(house.rt.run_ready() == 0);
  asking.join();
  CHECK(contains(text, ": 1 tasks\n"));
  CHECK(::poll(&entry, 1, 0) == 0);
}

TEST_CASE("a runtime on a fiber of another one: each can be dumped from the other's tasks") {
  Checked house;
  house.rt.block_on([&] {
    const Handle outer = Handle::current();
    runtime::CancellationToken end;
    std::optional<LocalRuntime> inner(std::in_place);
    const Handle inside = inner->handle();
    std::string outer_text, inner_text;
    // On the fiber of "host", the inner runtime is the loop; its tasks run while the outer one believes that "host" runs.
    auto host = spawn_named("host", [&] {
      LocalRuntime rt(std::move(*inner));
      inner.reset();
      for (int i = 0; i < 3; ++i) rt.block_on([] { runtime::sleep_for(100us); });  // it has stopped in other places before
      rt.spawn_local([&] {
        const auto guest = runtime::TaskBuilder().name("guest").spawn_local([&] {
          outer_text = outer.dump().to_text();
          end.wait();
        });
        end.wait();
      });
      use_runtime_inside(rt, end);
    });
    CHECK(eventually([&] { return !outer_text.empty(); }));
    settle();
    inner_text = inside.dump().to_text();  // it sleeps on the host's fiber
    const std::string asleep = section(outer.dump().to_text(), "host");
    end.cancel();
    host.join();

    const std::string running = section(outer_text, "host");
    CHECK_MESSAGE(contains(running, "\"host\": running"), outer_text);
    CHECK_MESSAGE(contains(asleep, "waits for inner runtime"), asleep);
    CHECK_MESSAGE(contains(inner_text, "root: parked"), inner_text);
    if (kWalks) {
      CHECK_MESSAGE(contains(running, "use_runtime_inside"), running);
      const std::string root = outer_text.substr(0, outer_text.find("\ntask "));
      CHECK_MESSAGE(contains(root, "\nroot: "), outer_text);
      CHECK_MESSAGE(contains(root, "main+0x"), outer_text);
      CHECK_FALSE(contains(root, "use_runtime_inside"));
      CHECK_MESSAGE(contains(asleep, "use_runtime_inside"), asleep);
      CHECK_MESSAGE(contains(inner_text, "use_runtime_inside"), inner_text);
      CHECK_MESSAGE(contains(inner_text, "sleep_in_outer"), inner_text);
    }
  });
}

TEST_CASE("the inner runtime's root asks for both") {
  Checked house;
  house.rt.block_on([&] {
    const Handle outer = Handle::current();
    auto host = spawn_named("host", [&] {
      LocalRuntime rt;
      for (int i = 0; i < 3; ++i) runtime::sleep_for(100us);  // the host's fiber has stopped before
      rt.block_on([&] {
        const std::string outside = section(outer.dump().to_text(), "host");
        const std::string inside = Handle::current().dump().to_text();
        CHECK_MESSAGE(contains(outside, "\"host\": running"), outside);
        CHECK_MESSAGE(contains(inside, "root: running"), inside);
        if (kWalks) CHECK_MESSAGE(contains(outside, "Handle::dump"), outside);  // it is the stack we are on
      });
    });
    host.join();
  });
}

TEST_CASE("a fiber that waits for the end of another runtime's pool threads says so") {
  Checked house;
  house.rt.block_on([] {
    std::atomic<bool> may_end{false};
    auto ending = spawn_named("ending", [&] {
      LocalRuntime inner;
      auto job = inner.spawn_blocking([&] {
        while (!may_end) std::this_thread::sleep_for(100us);
      });
      while (inner.metrics().blocking_queue_depth() != 0) runtime::yield_now();  // it has started
    });
    CHECK(eventually([] {
      return contains(section(Handle::current().dump().to_text(), "ending"), "waits for pool threads, since ");
    }));
    may_end = true;
    ending.join();
  });
}

TEST_CASE("after shutdown a dump is empty, on the owner thread and elsewhere, also when tasks were left parked") {
  const Limits limits;
  for (const bool leave_one : {false, true}) {
    LocalRuntime rt;
    // What is left parked keeps the runtime's memory for ever; it is not to be reported as lost.
    static auto* kept = new std::vector<Handle>();
    if (leave_one) kept->push_back(rt.handle());
    const Handle handle = rt.handle();
    rt.spawn_local([leave_one] {
      if (!leave_one) wait_for_ever();
      runtime::shield(wait_for_ever);
    });
    rt.block_on([] { settle(); });
    CHECK(handle.dump().size() == 1);
    CHECK(rt.shutdown_background().tasks_left_parked == (leave_one ? 1 : 0));
    for (int i = 0; i < 2; ++i) {
      const auto check_empty = [&] {
        CHECK(handle.dump().size() == 0);
        CHECK(contains(handle.dump().to_text(), ": 0 tasks\n"));
      };
      check_empty();
      std::thread(check_empty).join();
    }
  }
}

TEST_CASE("a dump outlives the runtime") {
  std::optional<runtime::Dump> dump;
  {
    Checked house;
    auto task = house.rt.spawn_local([] { wait_in_a_function_of_ours(); });
    house.rt.block_on([&] {
      settle();
      dump.emplace(Handle::current().dump());
    });
  }
  runtime::Dump moved(std::move(*dump));
  CHECK(moved.size() == 1);
  CHECK(contains(moved.to_text(), "waits for timer"));
}

TEST_CASE("threads that ask while runtimes come and go get an answer each time") {
  const Limits limits;

  std::atomic<std::size_t> answers{0};
  for (int round = 0; round < 20; ++round) {
    std::optional<LocalRuntime> rt(std::in_place);
    std::vector<std::thread> threads;
    std::atomic<int> begun{0};
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&, handle = rt->handle()] {
        ++begun;
        while (!handle.is_shut_down()) answers += handle.dump().to_text().empty() ? 0 : 1;
        CHECK(handle.dump().size() <= 20);
      });
    }
    rt->block_on([&] {
      for (int i = 0; i < 20; ++i) runtime::spawn_local([] { wait_in_a_function_of_ours(); });
      runtime::sleep_for(1ms);
      CHECK(eventually([&] { return begun == 2; }));
    });
    rt.reset();
    for (auto& thread : threads) thread.join();
  }
  CHECK(answers > 0);
}
