#include "sync/wait_list.hpp"

#include <memory>
#include <thread>

#include <doctest/doctest.h>

#include <runtime/sync/notify.hpp>

#include "support/child.hpp"
#include "support/leak_check.hpp"
#include "support/test_task.hpp"

using namespace runtime::sync;
using runtime::base::deadline_after;
using runtime::base::kForever;
using runtime::detail::WaiterEnds;
using test::RecordingSchedule;
using test::TestTask;

namespace {

const Reason kReason{runtime::task::WaitFor::notify, nullptr};

/// A task whose fiber is there for the Waiting that parking writes, and whose parking runs a step of the test.
struct Fixture : test::LeakCheck {
  Fixture() : cell(schedule) { cell.task.fiber = &fiber; }

  std::atomic<std::uint32_t> lock{0};
  WaiterEnds list;
  RecordingSchedule schedule;
  runtime::fiber::Fiber fiber;
  TestTask cell;
};

}  // namespace

TEST_CASE("a list gives its waiters back from both ends, and lets any of them leave") {
  WaiterEnds list;
  CHECK(pop_front(list) == nullptr);
  CHECK(pop_back(list) == nullptr);
  Waiter a(nullptr), b(nullptr), c(nullptr), d(nullptr);
  for (Waiter* waiter : {&a, &b, &c, &d}) push_back(list, *waiter);
  remove(list, b);
  CHECK_FALSE(b.is_listed);
  CHECK(a.is_listed);
  CHECK(pop_back(list) == &d);
  CHECK(pop_front(list) == &a);
  CHECK(pop_front(list) == &c);
  CHECK_FALSE(c.is_listed);
  CHECK(list.first == nullptr);
  CHECK(list.last == nullptr);
}

TEST_CASE("a chain takes all of a list in its order and notifies each once") {
  WaiterEnds list;
  Waiter a(nullptr), b(nullptr), c(nullptr);
  push_back(list, a);
  push_back(list, b);
  Chain chain;
  chain.add(c);
  chain.take(list);
  CHECK(list.first == nullptr);
  CHECK(c.next == &a);
  CHECK(a.next == &b);
  CHECK(b.next == nullptr);
  chain.notify_all();
  for (Waiter* waiter : {&a, &b, &c}) CHECK(waiter->park(kReason, kForever) == runtime::time::WaitEnd::done);
  Chain().notify_all();
}

TEST_CASE_FIXTURE(Fixture, "a fiber waits until it is notified, however often it is woken for nothing, and says why") {
  Waiter waiter(&cell.task);
  push_back(list, waiter);
  const std::atomic<std::uint64_t> holder{17};
  schedule.on_suspend = [&] {
    const auto* waiting = static_cast<const runtime::task::Waiting*>(fiber.waiting);
    REQUIRE(waiting != nullptr);
    CHECK(waiting->what == runtime::task::WaitFor::mutex);
    CHECK(waiting->object() == &list);
    CHECK(waiting->holder == &holder);
    if (schedule.suspends == 3) pop_front(list)->notify();
  };
  const Reason reason{runtime::task::WaitFor::mutex, &list, &holder};
  CHECK(wait(lock, list, waiter, reason, kForever) == Woken::notified);
  CHECK(schedule.suspends == 3);
  CHECK(schedule.scheduled.size() == 1);
  CHECK(fiber.waiting == nullptr);
}

TEST_CASE_FIXTURE(Fixture, "a cancelled waiter leaves the list, and what has to be tidied then is, under the lock") {
  Waiter waiter(&cell.task);
  push_back(list, waiter);
  schedule.on_suspend = [&] { cell.task.abort(); };
  bool tidied = false;
  CHECK(wait(lock, list, waiter, kReason, kForever, [&] { tidied = lock == 1; }) == Woken::cancelled);
  CHECK(tidied);
  CHECK(lock == 0);
  CHECK(list.first == nullptr);
}

TEST_CASE_FIXTURE(Fixture, "one who is cancelled and notified at once learns of both") {
  Waiter waiter(&cell.task);
  push_back(list, waiter);
  schedule.on_suspend = [&] {
    cell.task.abort();
    pop_front(list)->notify();
  };
  CHECK(wait(lock, list, waiter, kReason, kForever) == Woken::cancelled_notified);
}

TEST_CASE_FIXTURE(Fixture, "one who gives up while a notification is on its way stays until it has come") {
  Waiter waiter(&cell.task);
  push_back(list, waiter);
  Waiter* taken = nullptr;
  schedule.on_suspend = [&] {
    if (taken == nullptr) {
      taken = pop_front(list);
      cell.task.abort();
    } else if (schedule.suspends == 3) {
      taken->notify();
    }
  };
  CHECK(wait(lock, list, waiter, kReason, kForever) == Woken::cancelled_notified);
  CHECK(schedule.suspends == 3);
}

TEST_CASE_FIXTURE(Fixture, "a fiber notified by another thread is held while it is woken") {
  Waiter waiter(&cell.task);
  std::thread([&] { waiter.notify(); }).join();
  CHECK(schedule.scheduled.empty());
  CHECK(schedule.remote() == std::vector{&cell.task});
  CHECK(cell.task.references == 1);
  CHECK(waiter.park(kReason, kForever) == runtime::time::WaitEnd::done);
  CHECK(schedule.suspends == 0);
}

TEST_CASE_FIXTURE(Fixture, "a plain thread waits with and without a deadline, and stays for what is on its way") {
  Waiter timed(nullptr);
  push_back(list, timed);
  CHECK(wait(lock, list, timed, kReason, deadline_after(1'000'000)) == Woken::timed_out);
  CHECK(list.first == nullptr);

  Waiter waiter(nullptr);
  push_back(list, waiter);
  std::thread notifier([&] {
    Waiter* taken = nullptr;
    {
      const runtime::base::ShortLock guard(lock);
      taken = pop_front(list);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // past the deadline
    taken->notify();
  });
  while ([&] {
    const runtime::base::ShortLock guard(lock);
    return waiter.is_listed;
  }()) {
    std::this_thread::yield();
  }
  CHECK(wait(lock, list, waiter, kReason, deadline_after(0)) == Woken::notified);
  notifier.join();
}

TEST_CASE_FIXTURE(test::LeakCheck, "a primitive that goes while somebody waits in it is reported, and ends the program") {
  const auto end = test::in_child([] {
    auto notify = std::make_unique<runtime::sync::Notify>();
    std::thread waiter([&notify] { notify->notified(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    notify.reset();
    test::say("still alive");
    waiter.join();
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("a synchronisation object was destroyed while somebody waits in it"));
  CHECK_FALSE(end.says("still alive"));
}
