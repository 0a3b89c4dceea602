// What a dump says of one task: state, waits, spawn site, frames, and who waits for whom.

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "dump_support.hpp"
#include "support.hpp"

using namespace api_test;

namespace {

/// A socket pair whose first end has nothing to read and takes no more.
struct FullPair {
  int fds[2];
  FullPair() {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    const std::vector<char> bytes(1 << 16);
    while (::send(fds[0], bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) {
    }
  }
  ~FullPair() {
    ::close(fds[0]);
    ::close(fds[1]);
  }
};

template <class F>
JoinHandle<void> spawn_named(const char* name, F f) {
  return runtime::TaskBuilder().name(name).spawn_local(std::move(f));
}

std::string id_of(const runtime::TaskId& id) { return std::to_string(id.value()); }

template <class...>
struct Types {};

/// A function whose mangled name has some thousand characters.
template <class Long>
RUNTIME_TEST_NOINLINE void wait_under_a_long_name() {
  runtime::sleep_for(25h);  // not the same code as above, which would be folded into one
  keep_frame();
}

template <int>
struct NumberedTypeWithAName {};
template <int... N>
Types<NumberedTypeWithAName<N>...> list_of(std::integer_sequence<int, N...>);
using TypesOfMany = decltype(list_of(std::make_integer_sequence<int, 32>()));

template <class T>
using Wider = Types<T, std::vector<T>, Types<T*>, const T&>;

/// Lets the task park, and returns what a dump says of it.
std::string settled_section(const char* name) {
  settle();
  return section(Handle::current().dump().to_text(), name);
}

RUNTIME_TEST_NOINLINE void wait_in_a_function_of_ours() {
  wait_for_ever();
  keep_frame();
}

RUNTIME_TEST_NOINLINE void wait_in_a_destructor() {
  runtime::sleep_for(30ms);
  keep_frame();
}

RUNTIME_TEST_NOINLINE void recurse(int depth) {
  if (depth == 0) {
    wait_for_ever();
  } else {
    recurse(depth - 1);
  }
  keep_frame();
}

void end(JoinHandle<void>& task) {
  task.abort();
  task.wait();
}

}  // namespace

TEST_CASE("a sleeping task: state, timer with the time left, spawn site, and the calls it is in, static ones too") {
  Checked house;
  house.rt.block_on([] {
    const int line = __LINE__ + 1;
    auto task = runtime::TaskBuilder().name("sleeper").spawn_local([] { wait_in_a_function_of_ours(); });
    const std::string text = settled_section("sleeper");
    CHECK_MESSAGE(starts_with(text, "task " + id_of(task.id()) + " \"sleeper\": parked; spawned at "), text);
    CHECK_MESSAGE(contains(text, "rt_dump_test.cpp:" + std::to_string(line) + "\n"), text);
    CHECK_MESSAGE(contains(text, "waits for timer, 86"), text);
    CHECK_MESSAGE(contains(text, " left, since "), text);
    if (kWalks) {
      CHECK_MESSAGE(contains(text, "wait_in_a_function_of_ours()+0x"), text);
      CHECK_MESSAGE(contains(text, "sleep_for_nanos"), text);
    }
    end(task);
  });
}

TEST_CASE("waits for descriptors name them and the direction, and the timer beside them") {
  Checked house;
  house.rt.block_on([] {
    FullPair pair;
    char byte = 0;
    auto reader = spawn_named("reader", [&] { CHECK(runtime_read(pair.fds[0], &byte, 1) == -1); });
    auto writer = spawn_named("writer", [&] { CHECK(runtime_write(pair.fds[0], &byte, 1) == -1); });
    const std::string fd = "descriptor " + std::to_string(pair.fds[0]);
    CHECK(contains(settled_section("reader"), "waits for " + fd + " (readable), since "));
    CHECK(contains(settled_section("writer"), "waits for " + fd + " (writable), since "));
    end(reader);
    end(writer);
    pollfd entry{pair.fds[0], POLLIN, 0};
    auto poller = spawn_named("poller", [&] { CHECK(runtime_poll(&entry, 1, 3'600'000) == -1); });
    const std::string text = settled_section("poller");
    CHECK_MESSAGE(contains(text, fd), text);
    CHECK_MESSAGE(contains(text, "waits for timer, 3"), text);
    end(poller);
  });
}

TEST_CASE("joins name the task, blocking jobs too") {
  Checked house;
  house.rt.block_on([] {
    auto sleeper = runtime::spawn_local([] { wait_for_ever(); });
    const std::string id = id_of(sleeper.id());
    auto joiner = spawn_named("joiner", [task = std::move(sleeper)]() mutable { task.join(); });
    CHECK(contains(settled_section("joiner"), "waits for join of task " + id + ", since "));
    end(joiner);

    std::atomic<bool> may_end{false};
    const auto block = [&] {
      while (!may_end) std::this_thread::sleep_for(100us);
    };
    auto offloader = spawn_named("offloader", [&] { runtime::offload(block); });
    auto job = runtime::spawn_blocking(block);
    const std::string job_id = id_of(job.id());
    auto waiter = spawn_named("waiter", [&] { job.join(); });
    CHECK(contains(settled_section("offloader"), "waits for blocking job, since "));
    CHECK(contains(settled_section("waiter"), "waits for blocking job of task " + job_id + ", since "));
    may_end = true;
    offloader.join();
    waiter.join();
  });
}

TEST_CASE("waits for children, tokens and trackers") {
  Checked house;
  house.rt.block_on([] {
    auto scope = spawn_named("scope", [] { runtime::scope([](runtime::Scope& s) { s.spawn([] { wait_for_ever(); }); }); });
    auto set = spawn_named("set", [] {
      runtime::JoinSet<void> tasks;
      tasks.spawn_local([] { wait_for_ever(); });
      tasks.join_next();
    });
    const runtime::CancellationToken token;
    auto on_token = spawn_named("token", [&] { token.wait(); });
    runtime::TaskTracker tracker;
    auto tracked = tracker.spawn_local([] { wait_for_ever(); });
    auto on_tracker = spawn_named("tracker", [&] {
      tracker.close();
      tracker.wait();
    });
    CHECK(contains(settled_section("scope"), "waits for children, since "));
    CHECK(contains(settled_section("set"), "waits for children, since "));
    CHECK(contains(settled_section("token"), "waits for cancellation token, since "));
    CHECK(contains(settled_section("tracker"), "waits for children, since "));
    for (auto* task : {&scope, &set, &on_token, &on_tracker, &tracked}) end(*task);
  });
}

TEST_CASE("a select shows its branches, each with its own wait and frames") {
  Checked house;
  house.rt.block_on([] {
    FullPair pair;
    auto task = spawn_named("chooser", [&] {
      runtime::select([] { wait_in_a_function_of_ours(); },
                      [&] {
                        char byte;
                        CHECK(runtime_read(pair.fds[0], &byte, 1) == -1);
                      });
    });
    settle();
    const auto dump = Handle::current().dump();
    CHECK(dump.size() == 1);
    const std::string text = section(dump.to_text(), "chooser");
    CHECK_MESSAGE(contains(text, "waits for children"), text);
    CHECK(occurrences(text, "\n  branch") == 2);
    CHECK(contains(text, "    waits for timer"));
    CHECK(contains(text, "    waits for descriptor " + std::to_string(pair.fds[0])));
    if (kWalks) CHECK_MESSAGE(contains(text, "wait_in_a_function_of_ours()"), text);
    end(task);
  });
}

TEST_CASE("states: not started, ready, running, cancelled") {
  Checked house;
  house.rt.block_on([] {
    auto fresh = spawn_named("fresh", [] {});
    CHECK(contains(section(Handle::current().dump().to_text(), "fresh"), "\"fresh\": ready, not started; spawned"));
    fresh.join();

    auto yielder = spawn_named("yielder", [] {
      for (;;) runtime::yield_now();
    });
    CHECK(contains(settled_section("yielder"), "\"yielder\": ready; spawned"));
    end(yielder);

    std::string seen;
    spawn_named("self", [&] { seen = section(Handle::current().dump().to_text(), "self"); }).join();
    CHECK(contains(seen, "\"self\": running; spawned"));
    CHECK_FALSE(contains(seen, "waits for"));
    if (kWalks) CHECK(contains(seen, "Handle::dump() const"));

    auto stubborn = spawn_named("stubborn", [] { runtime::shield([] { runtime::sleep_for(20ms); }); });
    settle();
    stubborn.abort();
    CHECK(contains(settled_section("stubborn"), "\"stubborn\": parked, cancelled; spawned"));
    stubborn.wait();
  });
}

TEST_CASE("the root stands before the tasks and is not counted; outside block_on there is none") {
  Checked house;
  auto task = house.rt.spawn_local([] { wait_in_a_function_of_ours(); });
  std::string inside;
  house.rt.block_on([&] {
    auto observer = spawn_named("observer", [&] {
      const auto dump = Handle::current().dump();
      CHECK(dump.size() == 2);
      inside = dump.to_text();
    });
    observer.join();
  });
  CHECK_MESSAGE(contains(inside, "\nroot: parked\n  waits for join of task "), inside);
  if (kWalks) CHECK_MESSAGE(contains(inside, "main"), inside);
  const auto dump = house.rt.handle().dump();
  CHECK(dump.size() == 1);
  CHECK_FALSE(contains(dump.to_text(), "root"));
  if (kWalks) CHECK(contains(dump.to_text(), "wait_in_a_function_of_ours()"));
  end(task);
}

TEST_CASE("tasks that join each other in a ring are a deadlock") {
  Checked house;
  house.rt.block_on([] {
    std::vector<JoinHandle<void>> tasks;
    for (std::size_t i = 0; i < 3; ++i) tasks.push_back(runtime::spawn_local([&, i] { tasks[(i + 1) % 3].join(); }));
    auto bystander = runtime::spawn_local([] { wait_for_ever(); });
    auto joiner = runtime::spawn_local([&] { bystander.join(); });
    std::string ring = "deadlock: ";
    for (auto& task : tasks) ring += "task " + id_of(task.id()) + " waits for ";
    ring += "task " + id_of(tasks[0].id()) + "\n";
    settle();
    const std::string text = Handle::current().dump().to_text();
    CHECK_MESSAGE(contains(text, ring), text);
    CHECK(occurrences(text, "deadlock") == 1);
    for (auto& task : tasks) task.abort();
    joiner.abort();
    bystander.abort();
    settle();
    CHECK_FALSE(contains(Handle::current().dump().to_text(), "deadlock"));
  });
}

TEST_CASE("a ring in which somebody waits with a deadline is no deadlock") {
  Checked house;
  house.rt.block_on([] {
    std::vector<JoinHandle<void>> tasks;
    tasks.push_back(runtime::spawn_local([&] { tasks[1].join(); }));
    tasks.push_back(runtime::spawn_local([&] { CHECK_FALSE(tasks[0].join_for(20ms)); }));
    settle();
    CHECK_FALSE(contains(Handle::current().dump().to_text(), "deadlock"));
    CHECK(eventually([&] { return tasks[0].is_finished() && tasks[1].is_finished(); }));
  });
}

TEST_CASE("since: counted from when the task parked, not from the last block_on") {
  Checked house;
  house.rt.block_on([] { settle(); });
  std::this_thread::sleep_for(1100ms);
  house.rt.block_on([] {
    auto task = spawn_named("late", [] { wait_for_ever(); });
    const std::string text = settled_section("late");
    const std::string since = text.substr(text.find("since ") + 6, 40);
    CHECK_MESSAGE(since.find(" s\n") == std::string::npos, text);  // below one second
    end(task);
  });
}

TEST_CASE("a task that waits in a destructor while its stack unwinds has frames") {
  Checked house;
  house.rt.block_on([] {
    auto task = spawn_named("unwinding", [] {
      const AtExit farewell([] { wait_in_a_destructor(); });
      wait_for_ever();
    });
    settle();
    task.abort();
    const std::string text = settled_section("unwinding");
    CHECK_MESSAGE(contains(text, "\"unwinding\": parked, cancelled; spawned"), text);
    if (kWalks) {
      CHECK_MESSAGE(contains(text, "wait_in_a_destructor()"), text);
      CHECK_MESSAGE(contains(text, "fiber_main"), text);
    }
    task.wait();
  });
}

TEST_CASE("a stack with more frames than a dump takes says so") {
  Checked house;
  house.rt.block_on([] {
    auto deep = spawn_named("deep", [] { recurse(100); });
    auto flat = spawn_named("flat", [] { recurse(1); });
    if (kWalks) {
      CHECK_MESSAGE(contains(settled_section("deep"), "\n    (more calls, not shown)\n"), settled_section("deep"));
      CHECK_FALSE(contains(settled_section("flat"), "more calls"));
    }
    end(deep);
    end(flat);
  });
}

TEST_CASE("small stacks can be dumped, and dump others, as often as one likes; that is not counted as theirs") {
  Checked house;
  house.rt.block_on([] {
    std::size_t high_water[2] = {};
    bool go_on = false;
    auto small = runtime::TaskBuilder().name("small").stack_size(16 * 1024).spawn_local([&] {
      high_water[0] = runtime::this_task::stack_high_water();
      while (!go_on) runtime::sleep_for(1ms);
      high_water[1] = runtime::this_task::stack_high_water();
    });
    for (int i = 0; i < 50; ++i) {
      const std::string text = settled_section("small");
      if (kWalks) CHECK(contains(text, "#1 "));
    }
    go_on = true;
    small.join();
    CHECK(high_water[1] <= high_water[0] + 4096);  // the page that the sleep itself may have touched first

    std::string text;
    runtime::TaskBuilder().name("asking").stack_size(kSmallestForDump).spawn_local([&] {
      text = Handle::current().dump().to_text();
      CHECK(Handle::current().dump().to_json().size() > 20);
    }).join();
    CHECK(contains(text, "asking"));
  });
}

TEST_CASE("long names in a dump that is written on a small stack do not overflow it") {
  Checked house;
  house.rt.block_on([] {
    auto task = runtime::spawn_local([] {
      wait_under_a_long_name<Types<std::vector<std::vector<Types<int, long, std::string, std::tuple<char, short, bool>>>>,
                                   Wider<Wider<Wider<std::string>>>, TypesOfMany>>();
    });
    settle();
    std::string text;
    runtime::TaskBuilder().stack_size(kSmallestForDump).spawn_local([&] { text = Handle::current().dump().to_text(); }).join();
    if (kWalks) CHECK_MESSAGE(contains(text, "wait_under_a_long_name"), text);
    end(task);
  });
}

TEST_CASE("names with control characters do not forge lines of the text") {
  Checked house;
  house.rt.block_on([] {
    auto task = runtime::TaskBuilder().name("a\ntask 1: ready\x1b[2J\x7f\"\\z\xc3\xa4").spawn_local([] { wait_for_ever(); });
    settle();
    const std::string text = Handle::current().dump().to_text();
    CHECK_MESSAGE(contains(text, "\"a\\x0atask 1: ready\\x1b[2J\\x7f\\\"\\\\z\xc3\xa4\": parked"), text);
    end(task);
  });
}
