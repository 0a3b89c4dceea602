#include "scheduler/inject_queue.hpp"

#include <memory>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"
#include "support/test_task.hpp"

using namespace runtime::scheduler;
using test::TestTask;

TEST_CASE("injected tasks come out in the order they went in, also when more go in meanwhile") {
  test::RecordingSchedule schedule;
  TestTask a(schedule), b(schedule), c(schedule);
  InjectQueue queue;
  CHECK(queue.is_empty());
  CHECK(queue.pop() == nullptr);
  CHECK(queue.push(a.task));
  CHECK(queue.push(b.task));
  CHECK(queue.pop() == &a.task);
  CHECK(queue.push(c.task));
  CHECK_FALSE(queue.is_empty());
  CHECK(queue.depth() == 2);
  CHECK(queue.pop() == &b.task);
  CHECK(queue.pop() == &c.task);
  CHECK(queue.pop() == nullptr);
  CHECK(queue.is_empty());
  CHECK(queue.depth() == 0);
  CHECK(queue.count() == 3);
}

TEST_CASE("a closed queue gives what is left and then nothing, and takes nothing more") {
  test::RecordingSchedule schedule;
  TestTask a(schedule), b(schedule), late(schedule);
  InjectQueue queue;
  CHECK(queue.push(a.task));
  CHECK(queue.push(b.task));
  queue.close();
  CHECK_FALSE(queue.push(late.task));
  CHECK(queue.pop() == &a.task);
  CHECK(queue.pop() == &b.task);
  CHECK(queue.pop() == nullptr);
  CHECK(queue.pop() == nullptr);
  CHECK(queue.is_empty());
  CHECK_FALSE(queue.push(late.task));  // it is still closed
  CHECK(queue.depth() == 0);
  CHECK(queue.count() == 2);
}

TEST_CASE_FIXTURE(test::LeakCheck,
                  "what threads inject while the queue closes comes out or is refused, and the counts agree") {
  constexpr int kThreads = 4, kTasks = 500;
  test::RecordingSchedule schedule;
  std::vector<std::unique_ptr<TestTask>> cells;
  for (int i = 0; i < kThreads * kTasks; ++i) cells.push_back(std::make_unique<TestTask>(schedule));
  InjectQueue queue;
  std::atomic<int> accepted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTasks; ++i) accepted += queue.push(cells[static_cast<std::size_t>(t * kTasks + i)]->task);
    });
  }
  int taken = 0;
  CHECK(test::eventually([&] {
    while (queue.pop() != nullptr) ++taken;
    return taken >= kTasks;
  }));
  queue.close();
  while (queue.pop() != nullptr) ++taken;
  for (std::thread& thread : threads) thread.join();
  CHECK(queue.pop() == nullptr);
  CHECK(taken == accepted);
  CHECK(queue.depth() == 0);
  CHECK(queue.count() == static_cast<std::uint64_t>(taken));
}
