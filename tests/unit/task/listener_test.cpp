#include "task/listener.hpp"

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"
#include "support/test_task.hpp"

using namespace runtime::task;
using test::RecordingSchedule;
using test::TestTask;

namespace {

class Counting final : public Listener {
 public:
  void notify() noexcept override { ++count; }
  int count = 0;
};

}  // namespace

TEST_CASE("everybody on the list is told, and whoever has left is not, from whichever place") {
  for (std::size_t leaving = 0; leaving < 3; ++leaving) {
    ListenerList list;
    list.notify_all();
    Counting listeners[3];
    for (Counting& listener : listeners) list.add(listener);
    list.remove(listeners[leaving]);
    list.notify_all();
    for (std::size_t i = 0; i < 3; ++i) CHECK(listeners[i].count == (i == leaving ? 0 : 1));
    list.add(listeners[leaving]);
    list.notify_all();
    CHECK(listeners[leaving].count == 1);
    for (Counting& listener : listeners) list.remove(listener);
    list.notify_all();
    CHECK(listeners[leaving].count == 1);
  }
}

TEST_CASE("a fiber's listener wakes its task on the owner's thread, and has it woken from another") {
  RecordingSchedule schedule;
  TestTask cell(schedule);
  FiberListener local(cell.task);
  CHECK_FALSE(local.is_notified());
  local.notify();
  CHECK(local.is_notified());
  CHECK(schedule.scheduled == std::vector{&cell.task});
  FiberListener remote(cell.task);
  std::thread([&] { remote.notify(); }).join();
  CHECK(remote.is_notified());
  CHECK(schedule.remote() == std::vector{&cell.task});
  CHECK(cell.task.references == 1);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a thread's listener may go as soon as it has left the list under the lock") {
  std::mutex mutex;
  ListenerList list;
  std::atomic<int> waiting{0};
  std::atomic<bool> over{false};
  std::thread teller([&] {
    while (!over) {
      const std::lock_guard lock(mutex);
      list.notify_all();
    }
  });
  std::vector<std::thread> waiters;
  for (int t = 0; t < 2; ++t) {
    waiters.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        ThreadListener listener;
        {
          const std::lock_guard lock(mutex);
          list.add(listener);
        }
        listener.park();
        const std::lock_guard lock(mutex);
        list.remove(listener);
      }
      ++waiting;
    });
  }
  for (std::thread& waiter : waiters) waiter.join();
  over = true;
  teller.join();
  CHECK(waiting == 2);
}
