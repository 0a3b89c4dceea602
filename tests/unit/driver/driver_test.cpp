#include "driver/driver.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/leak_check.hpp"
#include "support/sanitized.hpp"
#include "support/test_task.hpp"

using namespace runtime::driver;
using runtime::base::deadline_after;
using runtime::base::kForever;
using runtime::base::monotonic_now;
using runtime::base::Nanos;
using test::RecordingSchedule;
using test::TestTask;

namespace {

constexpr Nanos kLong = 20'000'000'000;

std::set<int> eventfds() {
  std::set<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (target == "anon_inode:[eventfd]") found.insert(std::stoi(entry.path().filename()));
  }
  return found;
}

/// What was written to an eventfd and not read yet, as the kernel tells without reading it.
std::uint64_t count_of(int eventfd) {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(eventfd));
  std::string word;
  while (info >> word) {
    if (word == "eventfd-count:") {
      info >> word;
      return std::stoull(word, nullptr, 16);
    }
  }
  FAIL("no count");
  return 0;
}

/// A driver, and the number of its eventfd.
struct Fixture : test::LeakCheck {
  Fixture() : cell(schedule) {
    for (const int fd : eventfds()) {
      if (before.count(fd) == 0) bell = fd;
    }
  }
  RecordingSchedule schedule;
  TestTask cell;
  std::set<int> before = eventfds();
  Driver driver;
  int bell = -1;
};

/// How often this thread has gone to sleep in the kernel.
long times_asleep() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

bool is_readable(int fd) {
  pollfd look{fd, POLLIN, 0};
  return ::poll(&look, 1, 0) == 1;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a sleep ends with its timer, not before, and counts once") {
  const Nanos deadline = deadline_after(3'000'000);
  Timer timer(cell.task, deadline);
  driver.arm(timer);
  CHECK(driver.earliest() == deadline);
  while (!timer.has_fired()) driver.park(deadline_after(kLong), [] { return true; });
  CHECK(monotonic_now() >= deadline);
  CHECK(schedule.scheduled == std::vector{&cell.task});
  CHECK(driver.earliest() == kForever);
  CHECK(driver.parks.read() >= 1);
}

TEST_CASE_FIXTURE(Fixture, "a sleep of 20 to 40 ms wakes the thread once, also behind a short one") {
  long wakes = 0;
  for (int round = 0; round < 5; ++round) {
    driver.park(deadline_after(kLong), [this] {
      driver.unpark();
      return true;
    });
    Timer timer(cell.task, deadline_after(25'000'000));
    driver.arm(timer);
    const long before = times_asleep();
    while (!timer.has_fired()) driver.park(deadline_after(kLong), [] { return true; });
    wakes += times_asleep() - before;
  }
  CHECK(wakes <= 7);  // a page that is not there is a sleep, too; twice for each would be ten
}

TEST_CASE_FIXTURE(Fixture, "a later timer is not missed after an earlier one, an earlier one not after a later") {
  for (const auto& [first, second] : {std::pair<Nanos, Nanos>{1'000'000, 3'000'000}, {3'000'000, 1'000'000}}) {
    TestTask other(schedule);
    Timer a(cell.task, deadline_after(first)), b(other.task, deadline_after(second));
    driver.arm(a);
    driver.park(0, [] { return true; });
    driver.arm(b);
    while (!a.has_fired() || !b.has_fired()) driver.park(deadline_after(kLong), [] { return true; });
    CHECK(driver.earliest() == kForever);
  }
}

TEST_CASE_FIXTURE(Fixture, "a disarmed timer wakes nobody, and its alarm harms nobody") {
  {
    Timer timer(cell.task, deadline_after(5'000'000));
    driver.arm(timer);
    driver.park(deadline_after(500'000), [] { return true; });
    driver.disarm(timer);
  }
  const std::size_t wakes = schedule.scheduled.size();  // 1 where this thread was kept from running for so long
  driver.park(deadline_after(8'000'000), [] { return true; });
  CHECK(schedule.scheduled.size() == wakes);
}

TEST_CASE_FIXTURE(Fixture, "a poll fires what is due without sleeping") {
  Timer due(cell.task, 1), later(cell.task, deadline_after(kLong));
  driver.arm(due);
  driver.arm(later);
  driver.poll();
  CHECK(due.has_fired());
  CHECK_FALSE(later.has_fired());
  CHECK(driver.parks.read() == 0);
  driver.disarm(later);
}

TEST_CASE_FIXTURE(Fixture, "who finds at the last moment that there is work does not sleep") {
  bool asked = false;
  driver.park(kForever, [&] {
    asked = true;
    return false;
  });
  CHECK(asked);
  CHECK(driver.parks.read() == 0);
}

TEST_CASE_FIXTURE(Fixture, "an unpark while nobody sleeps writes nothing and is not remembered") {
  REQUIRE(bell >= 0);
  driver.unpark();
  CHECK(count_of(bell) == 0);
  Timer timer(cell.task, deadline_after(1'000'000));
  driver.arm(timer);
  while (!timer.has_fired()) driver.park(deadline_after(kLong), [] { return true; });
  driver.unpark();
  CHECK(count_of(bell) == 0);
}

TEST_CASE_FIXTURE(Fixture, "however many wake a sleeping thread, the eventfd is written once for each sleep") {
  REQUIRE(bell >= 0);
  for (std::uint64_t sleep = 1; sleep <= 3; ++sleep) {
    driver.park_elsewhere([&] {
      std::vector<std::thread> wakers;
      for (int t = 0; t < 3; ++t) {
        wakers.emplace_back([&] {
          for (int i = 0; i < 100; ++i) driver.unpark();
        });
      }
      for (std::thread& waker : wakers) waker.join();
      CHECK(count_of(bell) == sleep);
    });
    CHECK(driver.parks.read() == sleep);
  }
  // One sleep ends by all of them together, and the next by none.
  driver.park(deadline_after(kLong), [] { return true; });
  CHECK_FALSE(is_readable(driver.fd()));
}

TEST_CASE_FIXTURE(Fixture, "an unpark between the flag and the sleep ends that sleep") {
  driver.park(deadline_after(kLong), [&] {
    std::thread([&] { driver.unpark(); }).join();
    return true;
  });
  CHECK(driver.parks.read() == 1);
}

TEST_CASE_FIXTURE(Fixture, "another thread ends a sleep without a deadline") {
  std::thread waker([&] {
    CHECK(test::eventually([&] { return driver.parks.read() == 1; }));
    driver.unpark();
  });
  driver.park(kForever, [] { return true; });
  waker.join();
  CHECK(driver.parks.read() == 1);
}

TEST_CASE_FIXTURE(Fixture, "an unpark leaves errno alone") {
  errno = EDOM;
  driver.park_elsewhere([&] { driver.unpark(); });
  CHECK(errno == EDOM);
}

TEST_CASE_FIXTURE(Fixture, "the one descriptor for a loop outside tells of watched descriptors and of other threads") {
  const int fd = driver.fd();
  REQUIRE(fd >= 0);
  CHECK(driver.fd() == fd);
  const test::FdPair pipe = test::make_pipe();
  FdWatch watch(cell.task, pipe.first.get(), kReadable);
  REQUIRE(driver.watch(watch));
  driver.poll();
  CHECK_FALSE(is_readable(fd));
  test::write_byte(pipe.second);
  CHECK(is_readable(fd));
  driver.poll();
  CHECK(watch.ready() == kReadable);
  CHECK_FALSE(is_readable(fd));  // the kernel reports it once, although the byte is still there
  driver.unwatch(watch);
}

// A runtime whose block_on runs on a fiber of another one sleeps like this, having no descriptor watched.
TEST_CASE_FIXTURE(Fixture, "the descriptor for a loop outside tells of an unpark before anything was ever watched") {
  driver.look();
  const int fd = driver.fd();
  REQUIRE(fd >= 0);
  CHECK_FALSE(is_readable(fd));
  driver.park_elsewhere([&] {
    driver.unpark();
    CHECK(is_readable(fd));
  });
  driver.look();
  CHECK_FALSE(is_readable(fd));
}

TEST_CASE("close gives all descriptors back, may be called twice, and leaves unpark harmless") {
  test::LeakCheck check;
  const std::size_t before = test::count_fds();
  Driver driver;
  CHECK(test::count_fds() > before);
  driver.close();
  CHECK(test::count_fds() == before);
  driver.close();
  driver.unpark();
  CHECK(test::count_fds() == before);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a close waits for threads that are just about to ring") {
  RecordingSchedule schedule;
  for (int round = 0; round < 200; ++round) {
    Driver driver;
    std::thread ringer([&] {
      for (int i = 0; i < 50; ++i) driver.unpark();
    });
    driver.park_elsewhere([] {});
    driver.park_elsewhere([&] { driver.close(); });
    // Whoever still rang now would write into this one.
    const runtime::base::UniqueFd number(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    ringer.join();
    CHECK(count_of(number.get()) == 0);
  }
}

// UndefinedBehaviorSanitizer, which comes with AddressSanitizer here, needs descriptors to look at an exception.
TEST_CASE_FIXTURE(test::LeakCheck, "without descriptors left, the error names the call, and nothing stays open" *
                                       doctest::skip(test::kAddressSanitizer)) {
  const auto end = test::in_child([] {
    for (int fd = 3; fd < 256; ++fd) ::close(fd);
    const auto allow = [](rlim_t fds) {
      rlimit limit;
      ::getrlimit(RLIMIT_NOFILE, &limit);
      limit.rlim_cur = fds;
      if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) ::_exit(95);
    };
    for (rlim_t more = 0; more < 5; ++more) {
      allow(3 + more);
      try {
        Driver driver;
        test::say(std::to_string(more) + ": made");
      } catch (const std::system_error& error) {
        test::say(std::to_string(more) + ": " + error.what() + (error.code().value() == EMFILE ? "" : " not EMFILE"));
      }
      allow(100);
      const int next = ::dup(0);
      if (next != 3) test::say("left open: " + std::to_string(next));
      ::close(next);
    }
  });
  CAPTURE(end);
  CHECK(end.status == 0);
  CHECK(end.says("0: eventfd: "));
  CHECK(end.says("1: timerfd_create: "));
  CHECK(end.says("2: epoll_create1: "));
  CHECK(end.says("3: epoll_create (the libev loop): "));
  CHECK(end.says("4: made"));
  CHECK_FALSE(end.says("not EMFILE"));
  CHECK_FALSE(end.says("left open"));
}

TEST_CASE_FIXTURE(Fixture, "a paused clock's timers fire when it is moved, real ones when they are due") {
  TestTask other{schedule};
  driver.clock.pause();
  const Nanos now = driver.clock.now();
  Timer timer(cell.task, now + 1'000), real(other.task, deadline_after(1'000'000));
  driver.arm(timer);
  driver.arm_real(real);
  while (!real.has_fired()) driver.park(deadline_after(kLong), [] { return true; });
  CHECK_FALSE(timer.has_fired());
  driver.clock.advance_to(now + 999);
  driver.fire_timers();
  CHECK_FALSE(timer.has_fired());
  driver.clock.advance_to(now + 1'000);
  driver.poll();
  CHECK(timer.has_fired());
}

TEST_CASE_FIXTURE(Fixture, "a jump goes to the earliest deadline and fires all that are due then") {
  TestTask second{schedule}, third{schedule};
  driver.clock.pause();
  const Nanos now = driver.clock.now();
  CHECK_FALSE(driver.jump());
  CHECK(driver.clock.now() == now);
  Timer a(cell.task, now + 5), b(second.task, now + 5), c(third.task, now + 6);
  driver.arm(c);
  driver.arm(a);
  driver.arm(b);
  CHECK(driver.jump());
  CHECK(driver.clock.now() == now + 5);
  CHECK(schedule.scheduled == std::vector{&cell.task, &second.task});
  CHECK(driver.jump());
  CHECK(driver.clock.now() == now + 6);
  CHECK_FALSE(driver.jump());
}

TEST_CASE_FIXTURE(Fixture, "a clock that has been moved and resumed ends a sleep in time") {
  driver.clock.pause();
  driver.clock.advance_to(driver.clock.now() + kLong * 1'000);
  driver.clock.resume();
  const Nanos deadline = driver.clock.now() + 2'000'000;
  Timer timer(cell.task, deadline);
  driver.arm(timer);
  const Nanos start = monotonic_now();
  while (!timer.has_fired()) driver.park(kForever, [] { return true; });
  CHECK(driver.clock.now() >= deadline);
  CHECK(monotonic_now() < start + kLong);
}

TEST_CASE_FIXTURE(Fixture, "parked elsewhere, a timer makes the descriptor readable") {
  for (const bool is_real : {false, true}) {
    Timer timer(cell.task, deadline_after(1'000'000));
    is_real ? driver.arm_real(timer) : driver.arm(timer);
    const Nanos start = monotonic_now();
    while (!timer.has_fired()) {
      driver.park_elsewhere([&] {
        pollfd news{driver.fd(), POLLIN, 0};
        CHECK(::poll(&news, 1, 20'000) == 1);
      });
      driver.look();
    }
    CHECK(monotonic_now() >= start + 1'000'000 / 2);
  }
}
