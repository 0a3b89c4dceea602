#include "io/offload.hpp"

#include <atomic>
#include <cerrno>
#include <thread>

#include <doctest/doctest.h>

#include <runtime/runtime.hpp>

#include "support/leak_check.hpp"

using namespace runtime::io;
using namespace std::chrono_literals;

namespace {

struct Fixture : test::LeakCheck {
  ~Fixture() { test::check_quiet(rt.metrics()); }
  runtime::LocalRuntime rt;
};

/// Work that waits until it is told to go on, and counts what becomes of it.
struct Work final : DetachedJob {
  void run() noexcept override {
    ++begun;
    while (!go) std::this_thread::sleep_for(100us);
    ++runs;
  }
  void release() noexcept override { ++releases; }

  std::atomic<bool> go{false};
  std::atomic<int> begun{0}, runs{0}, releases{0};
};

template <class F>
int offload_call(F f) {
  return offload([](void* raw) noexcept { (*static_cast<F*>(raw))(); }, &f);
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the call runs on a pool thread inside the runtime, and its errno comes back") {
  rt.block_on([] {
    for (const int error : {EDOM, 0}) {
      std::thread::id thread;
      bool inside = false;
      errno = EPERM;
      CHECK(offload_call([&] {
              thread = std::this_thread::get_id();
              inside = runtime::Handle::try_current().has_value();
              errno = error;
            }) == 0);
      CHECK(errno == error);
      CHECK(inside);
      CHECK(thread != std::this_thread::get_id());
    }
  });
}

TEST_CASE_FIXTURE(Fixture, "siblings run while a task waits for the pool") {
  rt.block_on([] {
    std::atomic<bool> go{false};
    auto waiting = runtime::spawn_local([&] {
      return offload_call([&] {
        while (!go) std::this_thread::sleep_for(100us);
      });
    });
    auto sibling = runtime::spawn_local([&] { go = true; });
    CHECK(waiting.join() == 0);
    sibling.join();
  });
}

TEST_CASE_FIXTURE(Fixture, "a call that borrows is seen to its end by a cancelled caller") {
  rt.block_on([] {
    std::atomic<bool> begun{false}, go{false}, ended{false};
    bool ended_before_return = false;
    auto task = runtime::spawn_local([&] {
      offload_call([&] {
        begun = true;
        while (!go) std::this_thread::sleep_for(100us);
        ended = true;
      });
      ended_before_return = ended;
    });
    while (!begun) runtime::sleep_for(100us);
    task.abort();
    for (int i = 0; i < 10; ++i) runtime::yield_now();
    CHECK_FALSE(task.is_finished());
    go = true;
    task.wait();
    CHECK(ended_before_return);
  });
}

TEST_CASE_FIXTURE(Fixture, "work that has run is the caller's to release") {
  Work work;
  work.go = true;
  rt.block_on([&] { CHECK(offload_detachable(work) == 0); });
  CHECK(work.runs == 1);
  CHECK(work.releases == 0);
}

TEST_CASE_FIXTURE(Fixture, "work whose caller is cancelled is left behind, ends, and releases itself once") {
  Work work;
  rt.block_on([&] {
    int result = 0;
    auto task = runtime::spawn_local([&] { result = offload_detachable(work); });
    while (work.begun == 0) runtime::sleep_for(100us);
    task.abort();
    task.wait();
    CHECK(result == ECANCELED);
    CHECK(work.releases == 0);
    work.go = true;
    CHECK(test::eventually([&] { return work.releases == 1; }));
    CHECK(work.runs == 1);
  });
}

TEST_CASE_FIXTURE(Fixture, "work that is still queued when the pool closes is released without having run") {
  Work running, queued;
  int result = 0;
  {
    runtime::LocalRuntime other = runtime::Builder().max_blocking_threads(1).build_local();
    auto first = other.spawn_local([&] { static_cast<void>(offload_detachable(running)); });
    auto second = other.spawn_local([&] { result = offload_detachable(queued); });
    other.block_on([&] {
      while (running.begun == 0) runtime::sleep_for(100us);
      runtime::yield_now();
    });
    other.shutdown_timeout(1ms);
    running.go = true;
  }
  CHECK(result == ECANCELED);
  CHECK(queued.runs == 0);
  CHECK(queued.releases == 1);
  CHECK(test::eventually([&] { return running.releases == 1; }));
}

TEST_CASE_FIXTURE(Fixture, "without a thread the errno is told, and the work is released") {
  runtime::LocalRuntime poor = runtime::Builder().thread_stack_size(std::size_t{1} << 46).build_local();
  Work work;
  poor.block_on([&] {
    bool ran = false;
    const int error = offload_call([&] { ran = true; });
    CHECK(error != 0);
    CHECK(error != ECANCELED);
    CHECK_FALSE(ran);
    CHECK(offload_detachable(work) == error);
  });
  CHECK(work.runs == 0);
  CHECK(work.releases == 1);
}
