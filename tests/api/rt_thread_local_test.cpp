// One runtime for each thread, kept in a thread-local: destroyed at the end of the thread, with everything in it.

#include <sys/wait.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

LocalRuntime& thread_runtime() {
  thread_local LocalRuntime rt;
  return rt;
}

/// A task of this thread's runtime that still waits when the thread ends.
template <class F>
void leave_parked(F at_unwind) {
  thread_runtime().spawn_local([farewell = Farewell(at_unwind)] { wait_for_ever(); });
  thread_runtime().block_on([] { settle(); });
}

}  // namespace

TEST_CASE_FIXTURE(Limits, "a thread's runtime ends with the thread, and unwinds what still waits on that thread") {
  std::optional<Handle> handle;
  std::atomic<bool> unwound{false};
  std::thread::id on;
  std::thread thread([&] {
    on = std::this_thread::get_id();
    handle = thread_runtime().handle();
    CHECK(thread_runtime().block_on([] { return runtime::spawn_local([] { return 3; }).join(); }) == 3);
    leave_parked([&] {
      CHECK(std::this_thread::get_id() == on);
      runtime::sleep_for(100us);  // timers and the pool still work
      CHECK(Handle::current().id() == handle->id());
      unwound = true;
    });
  });
  thread.join();
  CHECK(unwound);
  check_nothing_left(*handle);
  CHECK_THROWS_AS(handle->spawn([] {}).join(), JoinError);
}

TEST_CASE_FIXTURE(Limits, "every thread has its own, and joins what the others have spawned") {
  constexpr int kThreads = 6;
  std::atomic<int> unwound{0}, ready{0}, done{0};
  std::vector<std::optional<Handle>> handles(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      handles[static_cast<std::size_t>(i)] = thread_runtime().handle();
      ++ready;
      thread_runtime().block_on([&] {
        CHECK(eventually([&] { return ready == kThreads; }));
        const int next = (i + 1) % kThreads;
        CHECK(handles[static_cast<std::size_t>(next)]->spawn([next] { return next; }).join() == next);
        ++done;
        CHECK(eventually([&] { return done == kThreads; }));
      });
      leave_parked([&] { ++unwound; });
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(unwound == kThreads);
  for (const auto& handle : handles) check_nothing_left(*handle);
}

TEST_CASE_FIXTURE(Limits, "a started closure is waited for at the thread's end, a queued one is cancelled") {
  // Out here: the closure outlives the frames of the thread.
  std::atomic<bool> started{false}, is_queued{false}, ended{false}, ran{false};
  std::optional<JoinHandle<void>> queued;
  std::thread([&] {
    thread_local LocalRuntime rt = Builder().max_blocking_threads(1).build_local();
    rt.spawn_blocking([&] {
      started = true;
      CHECK(eventually([&] { return is_queued && queued->is_finished(); }));  // which only the end of the pool can do
      ended = true;
    });
    queued = rt.spawn_blocking([&] { ran = true; });
    is_queued = true;
    while (!started) std::this_thread::yield();
  }).join();
  CHECK(ended);
  CHECK_FALSE(ran);
  CHECK_THROWS_AS(queued->join(), JoinError);
}

TEST_CASE_FIXTURE(Limits, "a thread-local made later goes before the runtime, one made earlier after it") {
  static std::string order;
  order.clear();
  struct Says {
    explicit Says(const char* word) : word(word) {}
    ~Says() { order += word; }
    const char* word;
  };
  std::thread([] {
    thread_local Says earlier("a");
    static_cast<void>(earlier);
    thread_local LocalRuntime rt;
    rt.spawn_local([farewell = Farewell([] { order += "r"; })] { wait_for_ever(); });
    rt.block_on([] { settle(); });
    thread_local Says later("l");
    static_cast<void>(later);
  }).join();
  CHECK(order == "lra");
}

TEST_CASE_FIXTURE(Limits, "the main thread's runtime ends in exit()") {
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    leave_parked([fd = fds[1]] {
      runtime::sleep_for(100us);
      if (::write(fd, "u", 1) != 1) std::_Exit(3);
    });
    std::exit(0);
  }
  ::close(fds[1]);
  char byte = 0;
  CHECK(::read(fds[0], &byte, 1) == 1);
  CHECK(byte == 'u');
  int status = -1;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  ::close(fds[0]);
}

TEST_CASE_FIXTURE(Limits, "several runtimes of one thread take turns, and each keeps its tasks") {
  LocalRuntime first, second;
  std::vector<int> order;
  auto a = first.spawn_local([&] {
    order.push_back(1);
    runtime::sleep_for(100us);
    order.push_back(3);
  });
  auto b = second.spawn_local([&] { order.push_back(2); });
  first.block_on([] { runtime::yield_now(); });
  second.block_on([&] { b.join(); });
  first.block_on([&] { a.join(); });
  CHECK(order == std::vector{1, 2, 3});
}
