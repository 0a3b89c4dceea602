// Handle: a runtime as any thread may know it, also after its end.

#include <memory>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "support.hpp"

using namespace api_test;

static_assert(std::is_copy_constructible_v<Handle> && std::is_copy_assignable_v<Handle>);
static_assert(noexcept(Handle::try_current()) && noexcept(std::declval<LocalRuntime&>().handle()));

TEST_CASE("current() is the runtime of the root, of a task, and of pool threads, and none elsewhere") {
  Checked house;
  const auto expected = house.rt.handle().id();
  const auto id_here = [] { return Handle::current().id(); };
  CHECK(code_of([] { Handle::current(); }) == Errc::no_runtime);
  CHECK_FALSE(Handle::try_current().has_value());
  house.rt.block_on([&] {
    CHECK(id_here() == expected);
    CHECK(Handle::try_current()->id() == expected);
    CHECK(runtime::spawn_local(id_here).join() == expected);
    CHECK(runtime::spawn_blocking(id_here).join() == expected);
    CHECK(runtime::offload(id_here) == expected);
    std::thread([] { CHECK_FALSE(Handle::try_current().has_value()); }).join();
  });
  CHECK_FALSE(Handle::try_current().has_value());
}

TEST_CASE("the id of a runtime is the same for all its handles and another one for each runtime") {
  Checked house;
  LocalRuntime other;
  const Handle handle = house.rt.handle();
  const Handle copy(handle);
  CHECK(copy.id() == house.rt.handle().id());
  CHECK(other.handle().id() != handle.id());
  CHECK((other.handle().id() < handle.id()) != (handle.id() < other.handle().id()));
  std::unordered_set<runtime::RuntimeId> ids{handle.id(), copy.id(), other.handle().id()};
  CHECK(ids.size() == 2);
  std::ostringstream out;
  out << handle.id();
  CHECK_FALSE(out.str().empty());
}

TEST_CASE("the name given to the builder is the name of the handle, also after the runtime's end") {
  const Limits limits;
  std::optional<Handle> handle;
  {
    LocalRuntime named = Builder().name("front desk").build_local();
    LocalRuntime nameless;
    handle = named.handle();
    CHECK(handle->name() == "front desk");
    CHECK(nameless.handle().name().empty());
  }
  CHECK(handle->name() == "front desk");
}

TEST_CASE("a handle may be assigned, also to itself, and then stands for the other runtime") {
  Checked house;
  LocalRuntime other;
  Handle handle = house.rt.handle();
  const Handle& same = handle;
  handle = same;
  CHECK(handle.id() == house.rt.handle().id());
  handle = other.handle();
  CHECK(handle.id() == other.handle().id());
}

TEST_CASE("block_on of a handle on the owner thread is that of the runtime: the root, on the caller's stack") {
  Checked house;
  const Handle handle = house.rt.handle();
  int number = 3;
  CHECK(handle.block_on([] { return runtime::this_task::try_id().has_value(); }) == false);
  CHECK(&handle.block_on([&]() -> int& { return number; }) == &number);
  CHECK(*handle.block_on([p = std::make_unique<int>(4)]() mutable { return std::move(p); }) == 4);
}

TEST_CASE("block_on of a handle on another thread runs the function as a task of the owner thread and waits") {
  Checked house;
  const Handle handle = house.rt.handle();
  const auto owner = std::this_thread::get_id();
  bool done = false;
  house.rt.block_on([&] {
    std::thread other([&] {
      int local = 1;
      CHECK(handle.block_on([&] {
        local = 2;  // it may borrow: the caller waits
        CHECK(runtime::this_task::try_id().has_value());
        runtime::yield_now();
        return std::this_thread::get_id();
      }) == owner);
      CHECK(local == 2);
      CHECK(*handle.block_on([] { return std::make_unique<int>(6); }) == 6);
      CHECK(&handle.block_on([&]() -> int& { return local; }) == &local);
      CHECK_THROWS_WITH_AS(handle.block_on([] { throw std::range_error("far"); }), "far", std::range_error);
      handle.spawn([&] { done = true; }).join();
    });
    CHECK(eventually([&] { return done; }));
    other.join();
    CHECK(runtime::spawn_blocking([handle] { return handle.block_on([] { return std::this_thread::get_id(); }); }).join() ==
          owner);
  });
}

TEST_CASE("spawn_local through a handle is for the owner thread, even when the runtime is gone") {
  const Limits limits;
  std::optional<Handle> handle;
  const auto try_elsewhere = [&handle] {
    std::thread([&] { CHECK(code_of([&] { handle->spawn_local([] {}); }) == Errc::wrong_thread); }).join();
  };
  {
    LocalRuntime rt;
    handle = rt.handle();
    try_elsewhere();
    CHECK(rt.block_on([&] { return handle->spawn_local([] { return 1; }).join(); }) == 1);
    CHECK(rt.metrics().spawned_tasks_count() == 1);
  }
  try_elsewhere();
}

TEST_CASE("spawning through a handle whose runtime is gone gives a finished handle with a JoinError") {
  const Limits limits;
  std::optional<Handle> handle;
  {
    LocalRuntime rt;
    handle = rt.handle();
    CHECK_FALSE(handle->is_shut_down());
  }
  CHECK(handle->is_shut_down());
  const auto check_finished = [](auto task) {
    CHECK(task.is_finished());
    const auto id = task.id();
    try {
      task.join();
      CHECK(false);
    } catch (const JoinError& error) {
      CHECK(error.code() == Errc::cancelled);
      CHECK(error.id() == id);
    }
  };
  bool ran = false;
  int destroyed = 0;
  const auto make = [&] { return [&ran, f = Farewell([&] { ++destroyed; })] { ran = true; }; };
  check_finished(handle->spawn(make()));
  check_finished(handle->spawn_local(make()));
  check_finished(handle->spawn_blocking(make()));
  std::thread([&] {
    check_finished(handle->spawn(make()));
    check_finished(handle->spawn_blocking(make()));
    CHECK_THROWS_AS(handle->block_on([] {}), JoinError);
  }).join();
  CHECK_FALSE(ran);
  CHECK(destroyed == 5);
  CHECK(code_of([&] { handle->block_on([] {}); }) == Errc::shut_down);
}

TEST_CASE("everything else a handle can be asked works from any thread and after the end") {
  const Limits limits;
  std::optional<Handle> handle;
  {
    LocalRuntime rt = Builder().name("asked").build_local();
    handle = rt.handle();
    rt.block_on([] { runtime::spawn_local([] {}).join(); });
  }
  std::thread([handle] {
    const Handle copy = *handle;
    CHECK(copy.metrics().spawned_tasks_count() == 1);
    CHECK(copy.metrics().num_alive_tasks() == 0);
    CHECK(copy.name() == "asked");
    CHECK(copy.is_shut_down());
    const auto guard = copy.enter();
    CHECK(Handle::current().id() == copy.id());
    CHECK_THROWS_AS(runtime::spawn([] {}).join(), JoinError);
  }).join();
}

TEST_CASE("tasks keep what they need of a runtime that ended before their handles did") {
  const Limits limits;
  std::vector<JoinHandle<std::string>> finished;
  std::vector<runtime::AbortHandle> aborts;
  {
    LocalRuntime rt;
    rt.block_on([&] {
      for (int i = 0; i < 10; ++i) finished.push_back(runtime::spawn_local([] { return std::string(200, 'r'); }));
      for (int i = 0; i < 10; ++i) finished.push_back(Handle::current().spawn([] { return std::string("remote"); }));
      for (int i = 0; i < 10; ++i) {
        finished.push_back(runtime::spawn_local([]() -> std::string { throw std::runtime_error("kept"); }));
      }
      for (auto& task : finished) {
        aborts.push_back(task.abort_handle());
        task.wait();
      }
    });
  }
  std::thread([&finished] {
    for (std::size_t i = 0; i < 10; ++i) CHECK(finished[i].join().size() == 200);
    finished.erase(finished.begin(), finished.begin() + 10);
  }).join();
  for (std::size_t i = 0; i < 10; ++i) CHECK(finished[i].join() == "remote");
  for (std::size_t i = 10; i < 20; ++i) CHECK_THROWS_AS(finished[i].join(), std::runtime_error);
  finished.clear();
  for (auto& abort : aborts) {
    CHECK(abort.is_finished());
    abort.abort();
  }
}
