#include "io/wait.hpp"

#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <runtime/runtime.hpp>

#include "support/descriptors.hpp"
#include "support/leak_check.hpp"

using namespace runtime::io;
using namespace std::chrono_literals;
using runtime::base::deadline_after;
using runtime::base::kForever;
using runtime::base::monotonic_now;

namespace {

struct Fixture : test::LeakCheck {
  ~Fixture() { test::check_quiet(rt.metrics()); }

  /// As a task, so that the root can do something meanwhile.
  template <class F>
  auto start(F f) {
    auto handle = runtime::spawn_local(std::move(f));
    runtime::yield_now();
    return handle;
  }

  runtime::LocalRuntime rt;
  test::FdPair pipe = test::make_pipe();
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a fiber and the root are on a fiber, a plain thread and a blocking closure are not") {
  CHECK_FALSE(on_fiber());
  rt.block_on([] {
    CHECK(on_fiber());
    CHECK(runtime::spawn_local([] { return on_fiber(); }).join());
    CHECK_FALSE(runtime::spawn_blocking([] { return on_fiber(); }).join());
  });
}

TEST_CASE_FIXTURE(Fixture, "a wait ends when the descriptor is ready, of a task and of the root") {
  rt.block_on([&] {
    auto reader = start([&] { return wait_fd(pipe.first.get(), kReadable, kForever); });
    CHECK_FALSE(reader.is_finished());
    test::write_byte(pipe.second);
    CHECK(reader.join() == WaitEnd::ready);
    CHECK(wait_fd(pipe.first.get(), kReadable, kForever) == WaitEnd::ready);
    CHECK(wait_fd(pipe.second.get(), kWritable, deadline_after(20'000'000'000)) == WaitEnd::ready);
  });
}

TEST_CASE_FIXTURE(Fixture, "a wait ends at its deadline, not before") {
  rt.block_on([&] {
    const auto deadline = deadline_after(2'000'000);
    CHECK(wait_fd(pipe.first.get(), kReadable, deadline) == WaitEnd::timed_out);
    CHECK(monotonic_now() >= deadline);
    CHECK(wait_fd(pipe.first.get(), kReadable, 0) == WaitEnd::timed_out);
  });
}

TEST_CASE_FIXTURE(Fixture, "an abort ends a wait; a wait of a task that is aborted already ends at once") {
  rt.block_on([&] {
    WaitEnd first{}, second{};
    bool was_pending = true, is_pending = false;
    auto reader = start([&] {
      was_pending = cancel_pending();
      first = wait_fd(pipe.first.get(), kReadable, kForever);
      is_pending = cancel_pending();
      second = wait_fd(pipe.second.get(), kWritable, kForever);
    });
    reader.abort();
    reader.wait();
    CHECK_FALSE(was_pending);
    CHECK(is_pending);
    CHECK(first == WaitEnd::cancelled);
    CHECK(second == WaitEnd::cancelled);
  });
}

TEST_CASE_FIXTURE(Fixture, "a close by this thread or another ends a wait as closed") {
  rt.block_on([&] {
    for (const bool elsewhere : {false, true}) {
      auto reader = start([&] { return wait_fd(pipe.first.get(), kReadable, kForever); });
      if (elsewhere) {
        std::thread([&] { fd_closing(pipe.first.get()); }).join();
      } else {
        fd_closing(pipe.first.get());
      }
      CHECK(reader.join() == WaitEnd::closed);
    }
  });
}

TEST_CASE_FIXTURE(Fixture, "both directions of one descriptor can be waited for by two tasks") {
  const test::FdPair sockets = test::make_sockets();
  rt.block_on([&] {
    test::fill(sockets.first);
    std::vector<int> order;
    auto reader = start([&] {
      CHECK(wait_fd(sockets.first.get(), kReadable, kForever) == WaitEnd::ready);
      order.push_back(1);
    });
    auto writer = start([&] {
      CHECK(wait_fd(sockets.first.get(), kWritable, kForever) == WaitEnd::ready);
      order.push_back(2);
    });
    test::write_byte(sockets.second);
    reader.join();
    CHECK(order == std::vector{1});
    char bytes[65536];
    while (::read(sockets.second.get(), bytes, sizeof bytes) > 0) {
    }
    writer.join();
    CHECK(order == std::vector{1, 2});
  });
}

TEST_CASE_FIXTURE(Fixture, "of many descriptors the ready ones are told, each with what it is ready for") {
  const test::FdPair other = test::make_pipe();
  rt.block_on([&] {
    FdWait fds[] = {
        {pipe.first.get(), kReadable}, {other.first.get(), kReadable}, {other.second.get(), kReadable | kWritable}};
    CHECK(wait_fds(fds, 3, kForever) == WaitEnd::ready);
    CHECK(fds[0].ready == 0);
    CHECK(fds[1].ready == 0);
    CHECK(fds[2].ready == kWritable);

    FdWait quiet[] = {{pipe.first.get(), kReadable}, {other.first.get(), kReadable}};
    CHECK(wait_fds(quiet, 2, deadline_after(1'000'000)) == WaitEnd::timed_out);
    auto waiter = start([&] { return wait_fds(quiet, 2, kForever); });
    test::write_byte(other.second);
    CHECK(waiter.join() == WaitEnd::ready);
    CHECK(quiet[0].ready == 0);
    CHECK(quiet[1].ready == kReadable);
  });
}

TEST_CASE_FIXTURE(Fixture, "a closed one among many is told apart") {
  const test::FdPair other = test::make_pipe();
  rt.block_on([&] {
    FdWait fds[] = {{pipe.first.get(), kReadable}, {other.first.get(), kReadable}};
    auto waiter = start([&] { return wait_fds(fds, 2, kForever); });
    fd_closing(other.first.get());
    CHECK(waiter.join() == WaitEnd::ready);
    CHECK_FALSE(fds[0].closed);
    CHECK(fds[1].closed);
  });
}

TEST_CASE_FIXTURE(Fixture, "waiting for no descriptor is a sleep") {
  rt.block_on([&] {
    const auto deadline = deadline_after(1'000'000);
    CHECK(wait_fds(nullptr, 0, deadline) == WaitEnd::timed_out);
    CHECK(monotonic_now() >= deadline);
    auto sleeper = start([] { return wait_fds(nullptr, 0, kForever); });
    sleeper.abort();
    CHECK(sleeper.join() == WaitEnd::cancelled);
  });
}

TEST_CASE_FIXTURE(Fixture, "a wait that looks again ends as ready after the pause, if not before") {
  rt.block_on([&] {
    const auto start = monotonic_now();
    CHECK(wait_fd(pipe.first.get(), kReadable, kForever, 2'000'000) == WaitEnd::ready);
    CHECK(monotonic_now() >= start + 2'000'000);
    FdWait fds[] = {{pipe.first.get(), kReadable}};
    CHECK(wait_fds(fds, 1, kForever, 2'000'000) == WaitEnd::ready);
    CHECK(fds[0].ready == 0);
    CHECK(monotonic_now() >= start + 4'000'000);
    CHECK(wait_fd(pipe.first.get(), kReadable, deadline_after(1'000'000), 20'000'000'000) == WaitEnd::timed_out);
    CHECK(wait_fds(fds, 1, deadline_after(1'000'000), 20'000'000'000) == WaitEnd::timed_out);
    test::write_byte(pipe.second);
    CHECK(wait_fd(pipe.first.get(), kReadable, kForever, 20'000'000'000) == WaitEnd::ready);
    CHECK(monotonic_now() < start + 20'000'000'000);
  });
}

TEST_CASE_FIXTURE(Fixture, "a pause between two looks is real time, and does not move a paused clock") {
  rt.block_on([&] {
    runtime::time::pause();
    const auto before = runtime::time::Clock::now();
    const auto start = monotonic_now();
    CHECK(pause(1'000'000, kForever) == WaitEnd::ready);
    CHECK(wait_fd(pipe.first.get(), kReadable, kForever, 1'000'000) == WaitEnd::ready);
    CHECK(monotonic_now() >= start + 2'000'000);
    CHECK(runtime::time::Clock::now() == before);
    const auto deadline = (before + 1h).time_since_epoch().count();
    CHECK(pause(20'000'000'000, deadline) == WaitEnd::timed_out);
    CHECK(runtime::time::Clock::now() == before + 1h);
    auto pauses = Fixture::start([] { return pause(20'000'000'000, kForever); });
    pauses.abort();
    CHECK(pauses.join() == WaitEnd::cancelled);
  });
}

TEST_CASE("without I/O a fiber is refused with a sentence, other threads are not") {
  runtime::LocalRuntime rt = runtime::Builder().enable_io(false).build_local();
  const auto refusal = [] {
    try {
      require_io("io::wait_readable()");
      return runtime::Errc{};
    } catch (const runtime::Error& error) {
      CHECK(std::string(error.what()).find("io::wait_readable()") == 0);
      return error.code();
    }
  };
  CHECK(refusal() == runtime::Errc{});
  CHECK(rt.block_on(refusal) == runtime::Errc::io_disabled);
  CHECK(rt.block_on([&] { return runtime::spawn_local(refusal).join(); }) == runtime::Errc::io_disabled);
  CHECK(rt.block_on([&] { return runtime::offload(refusal); }) == runtime::Errc{});
  CHECK(runtime::run(refusal) == runtime::Errc{});
}
