// Misuse: each is told with its code and a sentence, and changes nothing.

#include <limits>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>

#include "support.hpp"

using namespace api_test;

static_assert(std::is_base_of_v<std::runtime_error, Error> && std::is_base_of_v<Error, JoinError>);
static_assert(!std::is_base_of_v<std::exception, Cancelled>);
static_assert(std::is_nothrow_copy_constructible_v<Error> && std::is_nothrow_copy_constructible_v<JoinError>);
static_assert(static_cast<int>(Errc::no_runtime) == 1);

TEST_CASE("without a runtime, what needs one says no_runtime") {
  const Limits limits;
  bool called = false;
  const auto call = [&] { called = true; };
  CHECK(code_of([&] { runtime::spawn(call); }) == Errc::no_runtime);
  CHECK(code_of([&] { runtime::spawn_local(call); }) == Errc::no_runtime);
  CHECK(code_of([&] { runtime::spawn_blocking(call); }) == Errc::no_runtime);
  CHECK(code_of([&] { runtime::TaskBuilder().spawn(call); }) == Errc::no_runtime);
  CHECK(code_of([&] { runtime::TaskBuilder().spawn_local(call); }) == Errc::no_runtime);
  CHECK(code_of([&] { runtime::TaskBuilder().spawn_blocking(call); }) == Errc::no_runtime);
  CHECK(code_of([] { Handle::current(); }) == Errc::no_runtime);
  CHECK_FALSE(called);
}

TEST_CASE("without a runtime, what does not need one works") {
  const Limits limits;
  CHECK(runtime::offload([] { return 3; }) == 3);
  runtime::yield_now();
  runtime::sleep_for(1us);
  runtime::this_task::check_cancelled();
  CHECK_FALSE(runtime::this_task::is_cancelled());
  CHECK_FALSE(runtime::this_task::try_id().has_value());
  CHECK(runtime::this_task::name().empty());
  CHECK(runtime::this_task::stack_high_water() == 0);
  CHECK(code_of([] { runtime::this_task::id(); }) == Errc::not_set);
}

TEST_CASE("every call of LocalRuntime on another thread says wrong_thread and changes nothing") {
  Checked house;
  bool called = false;
  std::thread([&] {
    const auto call = [&] { called = true; };
    CHECK(code_of([&] { house.rt.block_on(call); }) == Errc::wrong_thread);
    CHECK(code_of([&] { house.rt.spawn_local(call); }) == Errc::wrong_thread);
    CHECK(code_of([&] { house.rt.spawn_blocking(call); }) == Errc::wrong_thread);
    CHECK(code_of([&] { house.rt.shutdown_timeout(1s); }) == Errc::wrong_thread);
    CHECK(code_of([&] { house.rt.shutdown_background(); }) == Errc::wrong_thread);
    CHECK(code_of([&] { static_cast<void>(house.rt.enter()); }) == Errc::wrong_thread);
    CHECK(code_of([&] { static_cast<void>(house.rt.metrics()); }) == Errc::wrong_thread);
    CHECK(code_of([&] { house.rt.handle().spawn_local(call); }) == Errc::wrong_thread);
  }).join();
  CHECK_FALSE(called);
  CHECK(house.rt.metrics().num_alive_tasks() == 0);
  CHECK(house.rt.metrics().spawned_tasks_count() == 0);
  CHECK(house.rt.block_on([] { return runtime::spawn_local([] { return 4; }).join(); }) == 4);
}

TEST_CASE("on a pool thread, the owner's calls say wrong_thread, too") {
  Checked house;
  house.rt.block_on([&] {
    runtime::spawn_blocking([&] {
      CHECK(code_of([&] { house.rt.block_on([] {}); }) == Errc::wrong_thread);
      CHECK(code_of([] { runtime::spawn_local([] {}); }) == Errc::wrong_thread);
    }).join();
    runtime::offload([&] { CHECK(code_of([] { runtime::spawn_local([] {}); }) == Errc::wrong_thread); });
  });
}

TEST_CASE("shutdown inside the runtime's own block_on says nested_block_on, and the runtime goes on") {
  Checked house;
  const auto attempt = [&] {
    CHECK(code_of([&] { house.rt.shutdown_timeout(1s); }) == Errc::nested_block_on);
    CHECK(code_of([&] { house.rt.shutdown_background(); }) == Errc::nested_block_on);
  };
  house.rt.block_on([&] {
    attempt();
    runtime::spawn_local(attempt).join();
  });
  CHECK_FALSE(house.rt.handle().is_shut_down());
  CHECK(house.rt.block_on([] { return runtime::spawn_local([] { return 2; }).join(); }) == 2);
}

TEST_CASE("a builder refuses sizes, numbers and durations that make no sense") {
  const Limits limits;
  Builder builder;
  const auto refuses = [&builder](auto set) { return code_of([&] { set(builder); }) == Errc::invalid_argument; };
  CHECK(refuses([](Builder& b) { b.stack_size(0); }));
  CHECK(refuses([](Builder& b) { b.stack_size(16383); }));
  CHECK(refuses([](Builder& b) { b.stack_size(std::numeric_limits<std::size_t>::max()); }));
  CHECK(refuses([](Builder& b) { b.stack_guard_size(0); }));
  CHECK(refuses([](Builder& b) { b.stack_guard_size(std::numeric_limits<std::size_t>::max()); }));
  CHECK(refuses([](Builder& b) { b.stack_pool_limit(0); }));
  CHECK(refuses([](Builder& b) { b.thread_stack_size(0); }));
  CHECK(refuses([](Builder& b) { b.thread_stack_size(16383); }));
  CHECK(refuses([](Builder& b) { b.thread_keep_alive(0s); }));
  CHECK(refuses([](Builder& b) { b.thread_keep_alive(-1s); }));
  CHECK(refuses([](Builder& b) { b.max_blocking_threads(0); }));
  CHECK(refuses([](Builder& b) { b.event_interval(0); }));
  CHECK(refuses([](Builder& b) { b.global_queue_interval(0); }));
  for (const std::string_view blank : {"", " ", "\t\n "}) {
    CHECK(refuses([&](Builder& b) { b.name(blank); }));
    CHECK(refuses([&](Builder& b) { b.thread_name(blank); }));
  }
  LocalRuntime rt = builder.build_local();  // a refused value changes nothing
  CHECK(rt.handle().name().empty());
  CHECK(rt.block_on([] { return runtime::spawn_local([] { return 1; }).join(); }) == 1);
}

TEST_CASE("a builder takes the smallest values that make sense, and may build several runtimes") {
  const Limits limits;
  Builder builder;
  builder.name("x").thread_name("t").stack_size(16384).stack_guard_size(1).stack_pool_limit(1).thread_stack_size(16384);
  builder.thread_keep_alive(1ns).max_blocking_threads(1).event_interval(1).global_queue_interval(1);
  const Builder copy(builder);
  for (int i = 0; i < 2; ++i) {
    LocalRuntime rt = Builder(copy).build_local();
    CHECK(rt.handle().name() == "x");
    rt.block_on([] {
      for (int turn = 0; turn < 20; ++turn) {
        CHECK(runtime::spawn_local([] {
                runtime::yield_now();
                return runtime::spawn([] { return 5; }).join();
              }).join() == 5);
      }
      CHECK(runtime::offload([] { return 6; }) == 6);
    });
  }
}

TEST_CASE("blank names, small stacks and negative durations are refused everywhere") {
  Checked house;
  CHECK(code_of([] { runtime::TaskBuilder().name(""); }) == Errc::invalid_argument);
  CHECK(code_of([] { runtime::TaskBuilder().name(" \n"); }) == Errc::invalid_argument);
  CHECK(code_of([] { runtime::TaskBuilder().stack_size(0); }) == Errc::invalid_argument);
  CHECK(code_of([] { runtime::TaskBuilder().stack_size(16383); }) == Errc::invalid_argument);
  CHECK(code_of([&] { house.rt.shutdown_timeout(-1ns); }) == Errc::invalid_argument);
  CHECK_FALSE(house.rt.handle().is_shut_down());
  const auto negative = [] {
    CHECK(code_of([] { runtime::sleep_for(-1ns); }) == Errc::invalid_argument);
    auto task = runtime::spawn_local([] { return 1; });
    CHECK(code_of([&] { static_cast<void>(task.join_for(-1ns)); }) == Errc::invalid_argument);
    CHECK(task.join() == 1);
  };
  house.rt.block_on([&] {
    negative();
    runtime::spawn_local(negative).join();
  });
  CHECK(code_of([] { runtime::sleep_for(-1ns); }) == Errc::invalid_argument);
}

TEST_CASE("a runtime that was moved from says shut_down") {
  const Limits limits;
  LocalRuntime rt;
  const LocalRuntime taken(std::move(rt));
  CHECK(code_of([&] { rt.block_on([] {}); }) == Errc::shut_down);
  CHECK(code_of([&] { rt.spawn_local([] {}); }) == Errc::shut_down);
  CHECK(code_of([&] { rt.spawn_blocking([] {}); }) == Errc::shut_down);
  CHECK(code_of([&] { rt.shutdown_timeout(1s); }) == Errc::shut_down);
  CHECK(code_of([&] { static_cast<void>(rt.enter()); }) == Errc::shut_down);
}

TEST_CASE("errors are copied with their code, and a JoinError names its task") {
  Checked house;
  const Error error(Errc::closed, "a sentence");
  const Error copy(error);
  CHECK(copy.code() == Errc::closed);
  CHECK(std::string(copy.what()) == "a sentence");
  house.rt.block_on([] {
    auto task = runtime::spawn_local([] {});
    const auto id = task.id();
    task.abort();
    try {
      task.join();
      CHECK(false);
    } catch (const Error& caught) {
      CHECK(caught.code() == Errc::cancelled);
      CHECK(dynamic_cast<const JoinError&>(caught).id() == id);
      CHECK(std::string(caught.what()).find(std::to_string(id.value())) != std::string::npos);
    }
  });
}
