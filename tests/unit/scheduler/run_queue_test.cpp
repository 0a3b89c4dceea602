#include "scheduler/run_queue.hpp"

#include <vector>

#include <doctest/doctest.h>

#include "support/test_task.hpp"

using namespace runtime::scheduler;
using test::TestTask;

namespace {

struct Fixture {
  Fixture()
      : cells{TestTask(schedule), TestTask(schedule), TestTask(schedule), TestTask(schedule), TestTask(schedule)} {
    for (int i = 0; i < 5; ++i) cells[i].task.id = static_cast<std::uint64_t>(i);
  }
  runtime::task::Task& task(int i) { return cells[i].task; }
  std::vector<int> drain() {
    std::vector<int> ids;
    while (const runtime::task::Task* task = queue.pop()) ids.push_back(static_cast<int>(task->id));
    return ids;
  }

  test::RecordingSchedule schedule;
  TestTask cells[5];
  RunQueue queue;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "ready tasks run first in, first out") {
  CHECK(queue.is_empty());
  CHECK(queue.pop() == nullptr);
  for (const int i : {2, 0, 1}) queue.push(task(i));
  CHECK_FALSE(queue.is_empty());
  CHECK(queue.depth() == 3);
  CHECK(drain() == std::vector{2, 0, 1});
  CHECK(queue.depth() == 0);
}

TEST_CASE_FIXTURE(Fixture, "who gives way comes behind those who were ready, before those who get ready later") {
  queue.push(task(0));
  queue.push(task(1));
  queue.push_yielded(task(2));
  queue.push(task(3));
  queue.push_yielded(task(4));
  CHECK(queue.depth() == 5);
  CHECK(drain() == std::vector{0, 1, 2, 3, 4});
  CHECK(queue.is_empty());
}

TEST_CASE_FIXTURE(Fixture, "what the driver wakes goes before all who gave way") {
  queue.push_yielded(task(0));
  queue.push(task(1));
  queue.push_yielded(task(2));
  const auto mark = queue.mark();
  queue.push(task(3));
  queue.put_yielded_behind(mark);
  CHECK(queue.depth() == 4);
  CHECK(drain() == std::vector{1, 3, 0, 2});
  CHECK(queue.depth() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a look at the driver that wakes nobody changes no order") {
  queue.push(task(0));
  queue.push_yielded(task(1));
  queue.push(task(2));
  queue.put_yielded_behind(queue.mark());
  CHECK(drain() == std::vector{0, 1, 2});
}

TEST_CASE_FIXTURE(Fixture, "after yielders were put behind, order and depth go on being right") {
  queue.push_yielded(task(0));
  const auto mark = queue.mark();
  queue.push(task(1));
  queue.put_yielded_behind(mark);
  queue.push(task(2));
  queue.push_yielded(task(3));
  queue.push(task(4));
  CHECK(queue.depth() == 5);
  CHECK(drain() == std::vector{1, 0, 2, 3, 4});
}

