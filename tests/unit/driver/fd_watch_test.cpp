#include "driver/fd_watch.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "driver/driver.hpp"
#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/leak_check.hpp"
#include "support/test_task.hpp"

using namespace runtime::driver;
using test::RecordingSchedule;
using test::TestTask;

namespace {

struct Fixture : test::LeakCheck {
  Fixture() : cell(schedule), other_cell(schedule) {}

  /// Looks at the kernel until the watch has news, or a while has gone by.
  void poll_for(const FdWatch& watch) {
    for (int i = 0; i < 10 && !watch.has_news(); ++i) driver.poll();
  }

  RecordingSchedule schedule;
  TestTask cell, other_cell;
  Driver driver;
  test::FdPair pipe = test::make_pipe();
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a descriptor that becomes readable wakes its task once") {
  FdWatch watch(cell.task, pipe.first.get(), kReadable);
  REQUIRE(driver.watch(watch));
  driver.poll();
  CHECK_FALSE(watch.has_news());
  test::write_byte(pipe.second);
  poll_for(watch);
  CHECK(watch.ready() == kReadable);
  CHECK_FALSE(watch.is_closed());
  CHECK(schedule.scheduled == std::vector{&cell.task});
  driver.poll();  // it is still readable, and has been reported
  CHECK(schedule.scheduled.size() == 1);
  driver.unwatch(watch);
}

TEST_CASE_FIXTURE(Fixture, "a descriptor is writable as long as the kernel takes bytes") {
  test::fill(pipe.second);
  FdWatch watch(cell.task, pipe.second.get(), kWritable);
  REQUIRE(driver.watch(watch));
  driver.poll();
  CHECK_FALSE(watch.has_news());
  char bytes[65536];
  while (::read(pipe.first.get(), bytes, sizeof bytes) > 0) {
  }
  poll_for(watch);
  CHECK(watch.ready() == kWritable);
  driver.unwatch(watch);
}

TEST_CASE_FIXTURE(Fixture, "a watch hears only of what it asked for") {
  const test::FdPair sockets = test::make_sockets();
  test::write_byte(sockets.second);
  for (const std::uint8_t interest :
       {std::uint8_t{kReadable}, std::uint8_t{kWritable}, std::uint8_t{kReadable | kWritable}}) {
    FdWatch watch(cell.task, sockets.first.get(), interest);
    REQUIRE(driver.watch(watch));
    poll_for(watch);
    CHECK(watch.ready() == interest);
    driver.unwatch(watch);
  }
}

TEST_CASE_FIXTURE(Fixture, "the end of a stream is news for readers, a broken pipe for writers") {
  FdWatch reader(cell.task, pipe.first.get(), kReadable);
  REQUIRE(driver.watch(reader));
  pipe.second = runtime::base::UniqueFd();
  poll_for(reader);
  CHECK(reader.ready() == kReadable);
  driver.unwatch(reader);

  pipe = test::make_pipe();
  test::fill(pipe.second);
  FdWatch writer(cell.task, pipe.second.get(), kWritable);
  REQUIRE(driver.watch(writer));
  pipe.first = runtime::base::UniqueFd();
  poll_for(writer);
  CHECK(writer.ready() == kWritable);
  driver.unwatch(writer);
}

TEST_CASE_FIXTURE(Fixture, "all who watch one descriptor are told, and any of them may leave first") {
  FdWatch first(cell.task, pipe.first.get(), kReadable), second(other_cell.task, pipe.first.get(), kReadable);
  TestTask third_cell(schedule);
  FdWatch third(third_cell.task, pipe.first.get(), kReadable);
  for (FdWatch* watch : {&first, &second, &third}) REQUIRE(driver.watch(*watch));
  driver.unwatch(second);
  driver.unwatch(second);
  test::write_byte(pipe.second);
  poll_for(first);
  CHECK(first.ready() == kReadable);
  CHECK(third.ready() == kReadable);
  CHECK_FALSE(second.has_news());
  CHECK(schedule.scheduled.size() == 2);
  driver.unwatch(first);
  driver.unwatch(third);
}

TEST_CASE_FIXTURE(Fixture, "who has left hears nothing more") {
  FdWatch watch(cell.task, pipe.first.get(), kReadable);
  REQUIRE(driver.watch(watch));
  driver.poll();
  driver.unwatch(watch);
  test::write_byte(pipe.second);
  driver.poll();
  driver.poll();
  CHECK_FALSE(watch.has_news());
  CHECK(schedule.scheduled.empty());
}

TEST_CASE_FIXTURE(Fixture, "what epoll refuses is ready at once: the next call will say what is wrong") {
  const runtime::base::UniqueFd file(::memfd_create("file", MFD_CLOEXEC));
  FdWatch watch(cell.task, file.get(), kReadable | kWritable);
  REQUIRE(driver.watch(watch));
  poll_for(watch);
  CHECK(watch.ready() == (kReadable | kWritable));
  driver.unwatch(watch);
}

TEST_CASE_FIXTURE(Fixture, "what is no descriptor is ready at once, be its number in the table or beyond it") {
  const int fd = ::dup(pipe.first.get());
  const runtime::base::UniqueFd higher(::dup(pipe.first.get()));
  ::close(fd);
  for (const int number : {fd, 1'000'000}) {
    FdWatch watch(cell.task, number, kReadable);
    REQUIRE(driver.watch(watch));
    CHECK(watch.ready() == kReadable);
    driver.unwatch(watch);
    FdWatch first(other_cell.task, higher.get(), kReadable);  // the table grows
    REQUIRE(driver.watch(first));
    driver.unwatch(first);
  }
}

TEST_CASE_FIXTURE(Fixture, "a plain close during a watch tells nobody, and the number's next owner wakes only his own") {
  // The description lives on in the duplicate, and epoll with it.
  const runtime::base::UniqueFd alive(::dup(pipe.first.get()));
  const int number = pipe.first.get();
  FdWatch former(other_cell.task, number, kReadable);
  REQUIRE(driver.watch(former));
  const test::FdPair replacement = test::make_pipe();
  REQUIRE(::dup3(replacement.first.get(), number, O_CLOEXEC) == number);
  FdWatch watch(cell.task, number, kReadable);
  REQUIRE(driver.watch(watch));
  test::write_byte(pipe.second);  // what the former owner waited for
  driver.poll();
  CHECK_FALSE(watch.has_news());
  test::write_byte(replacement.second);
  poll_for(watch);
  CHECK(watch.ready() == kReadable);
  CHECK_FALSE(former.has_news());
  CHECK(schedule.scheduled == std::vector{&cell.task});
  driver.unwatch(watch);
  driver.unwatch(former);
}

TEST_CASE_FIXTURE(Fixture, "who still waits when another direction is reported is reported too, when its time comes") {
  test::FdPair sockets = test::make_sockets();
  FdWatch reader(cell.task, sockets.first.get(), kReadable), writer(other_cell.task, sockets.first.get(), kWritable);
  REQUIRE(driver.watch(reader));
  REQUIRE(driver.watch(writer));
  poll_for(writer);
  CHECK(writer.ready() == kWritable);
  CHECK_FALSE(reader.has_news());
  test::write_byte(sockets.second);
  poll_for(reader);
  CHECK(reader.ready() == kReadable);
  driver.unwatch(reader);
  driver.unwatch(writer);
}

TEST_CASE_FIXTURE(Fixture, "a descriptor closed between two reports is news for those who still wait") {
  test::FdPair sockets = test::make_sockets();
  FdWatch reader(cell.task, sockets.first.get(), kReadable), writer(other_cell.task, sockets.first.get(), kWritable);
  REQUIRE(driver.watch(reader));
  REQUIRE(driver.watch(writer));
  const runtime::base::UniqueFd alive(::dup(sockets.first.get()));
  sockets.first = runtime::base::UniqueFd();
  poll_for(writer);  // the kernel reports the description, whose number is free
  CHECK(writer.ready() == kWritable);
  CHECK(reader.ready() == kReadable);
  driver.unwatch(reader);
  driver.unwatch(writer);
}

// libev, where it is built with its assertions, ends the program over a number that was closed in the wrong moment.
TEST_CASE_FIXTURE(Fixture, "descriptors closed by another thread at any moment of a watch do no harm") {
  std::atomic<int> number{-1};
  std::atomic<bool> over{false};
  std::thread closer([&] {
    // Valgrind runs one thread at a time: who spins without giving way keeps the other from its turn.
    for (; !over; std::this_thread::yield()) {
      if (const int fd = number.exchange(-1); fd >= 0) ::close(fd);
    }
  });
  for (int i = 0; i < 5'000; ++i) {
    const int fd = ::dup(pipe.first.get());
    FdWatch reader(cell.task, fd, kReadable), error(other_cell.task, fd, kPriority);
    number = fd;
    CHECK(driver.watch(reader));
    CHECK(driver.watch(error));
    driver.poll();
    driver.unwatch(error);
    driver.poll();
    driver.unwatch(reader);
    while (number != -1) std::this_thread::yield();
  }
  over = true;
  closer.join();
}

// The kernel refuses a set in a set in which one file is watched that often, and libev ends the program over it.
TEST_CASE_FIXTURE(Fixture, "one file is watched under a thousand numbers, or refused, and nothing ends") {
  std::vector<runtime::base::UniqueFd> numbers;
  std::deque<FdWatch> watches;
  std::size_t watched = 0;
  for (int i = 0; i < 1'000; ++i) {
    numbers.emplace_back(::dup(pipe.first.get()));
    REQUIRE(numbers.back().get() >= 0);
    watched += driver.watch(watches.emplace_back(cell.task, numbers.back().get(), kReadable));
  }
  CHECK(watched >= 400);
  driver.park(runtime::base::deadline_after(1'000'000), [] { return true; });  // libev's turn
  CHECK(::write(pipe.second.get(), "x", 1) == 1);
  driver.poll();
  CHECK(std::count_if(watches.begin(), watches.end(), [](const FdWatch& watch) { return watch.has_news(); }) >=
        static_cast<std::ptrdiff_t>(watched));
  for (FdWatch& watch : watches) driver.unwatch(watch);
}

TEST_CASE_FIXTURE(Fixture, "as many reports as are fetched at once, or one more or less, end a short sleep") {
  const auto park = [this] {
    const auto deadline = runtime::base::deadline_after(20'000'000'000);
    driver.park(deadline, [] { return true; });
    return runtime::base::monotonic_now() < deadline;
  };
  for (const std::size_t count : {127, 128, 129, 256}) {
    std::vector<test::FdPair> pipes(count);
    std::deque<FdWatch> watches;
    for (test::FdPair& each : pipes) {
      each = test::make_pipe();
      REQUIRE(driver.watch(watches.emplace_back(cell.task, each.first.get(), kReadable)));
    }
    driver.park(runtime::base::deadline_after(20'000'000'000), [this] {
      driver.unpark();  // so that the next sleep is expected to be short
      return true;
    });
    for (const test::FdPair& each : pipes) test::write_byte(each.second);
    CHECK(park());
    CHECK(std::all_of(watches.begin(), watches.end(), [](const FdWatch& watch) { return watch.has_news(); }));
    for (FdWatch& watch : watches) driver.unwatch(watch);
  }
}

TEST_CASE_FIXTURE(Fixture, "a number that has become another description is watched as that") {
  FdWatch before(cell.task, pipe.first.get(), kReadable);
  REQUIRE(driver.watch(before));
  driver.poll();
  driver.unwatch(before);
  const int number = pipe.first.get();
  const test::FdPair replacement = test::make_pipe();
  REQUIRE(::dup3(replacement.first.get(), number, O_CLOEXEC) == number);

  FdWatch watch(cell.task, number, kReadable);
  REQUIRE(driver.watch(watch));
  driver.poll();
  CHECK_FALSE(watch.has_news());
  test::write_byte(replacement.second);
  poll_for(watch);
  CHECK(watch.ready() == kReadable);
  driver.unwatch(watch);
}

// Closing on purpose.
// ---------------------------------------------------------------------------------------------------

TEST_CASE_FIXTURE(Fixture, "a close on the owner thread ends the watches of that descriptor, at once, and no other") {
  const test::FdPair another = test::make_pipe();
  FdWatch first(cell.task, pipe.first.get(), kReadable), second(cell.task, pipe.first.get(), kReadable);
  FdWatch other(other_cell.task, another.first.get(), kReadable);
  for (FdWatch* watch : {&first, &second, &other}) REQUIRE(driver.watch(*watch));
  Driver::announce_close(pipe.first.get());
  CHECK(first.is_closed());
  CHECK(second.is_closed());
  CHECK(first.ready() == 0);
  CHECK_FALSE(other.has_news());
  CHECK(schedule.scheduled == std::vector{&cell.task});
  for (FdWatch* watch : {&first, &second, &other}) driver.unwatch(*watch);
}

TEST_CASE_FIXTURE(Fixture, "a close on another thread wakes the sleeping driver and ends the watches") {
  FdWatch watch(cell.task, pipe.first.get(), kReadable);
  REQUIRE(driver.watch(watch));
  std::thread closer([&] {
    CHECK(test::eventually([&] { return driver.parks.read() == 1; }));
    Driver::announce_close(pipe.first.get());
  });
  while (!watch.has_news()) driver.park(runtime::base::deadline_after(20'000'000'000), [] { return true; });
  closer.join();
  CHECK(watch.is_closed());
  driver.unwatch(watch);
}

TEST_CASE_FIXTURE(Fixture, "a watch that began after the notice belongs to the number's next owner and is left alone") {
  FdWatch before(cell.task, pipe.first.get(), kReadable);
  REQUIRE(driver.watch(before));
  std::thread([&] { Driver::announce_close(pipe.first.get()); }).join();
  FdWatch after(other_cell.task, pipe.first.get(), kReadable);
  REQUIRE(driver.watch(after));
  driver.poll();
  CHECK(before.is_closed());
  CHECK_FALSE(after.has_news());
  CHECK(schedule.scheduled == std::vector{&cell.task});

  test::write_byte(pipe.second);
  poll_for(after);
  CHECK(after.ready() == kReadable);
  CHECK_FALSE(after.is_closed());
  driver.unwatch(before);
  driver.unwatch(after);
}

TEST_CASE_FIXTURE(Fixture, "whom a close has doomed is told, though the number is watched anew before that is known") {
  const int number = ::dup(pipe.first.get());
  FdWatch doomed(cell.task, number, kReadable);
  REQUIRE(driver.watch(doomed));
  std::thread([number] {
    Driver::announce_close(number);
    ::close(number);
  }).join();
  const auto other = test::make_pipe();
  REQUIRE(::dup2(other.first.get(), number) == number);
  FdWatch next(other_cell.task, number, kReadable);
  REQUIRE(driver.watch(next));
  driver.poll();
  CHECK(doomed.is_closed());
  CHECK_FALSE(next.has_news());
  CHECK(::write(other.second.get(), "x", 1) == 1);
  poll_for(next);
  CHECK(next.ready() == kReadable);
  CHECK_FALSE(next.is_closed());
  driver.unwatch(doomed);
  driver.unwatch(next);
  ::close(number);
}

TEST_CASE_FIXTURE(Fixture, "who begins to wait between a change's notice and its reading looks again") {
  std::thread([this] { Driver::announce_change(pipe.first.get()); }).join();
  FdWatch other(other_cell.task, pipe.second.get(), kPriority);
  REQUIRE(driver.watch(other));
  std::thread([this] { Driver::announce_change(pipe.first.get()); }).join();
  FdWatch watch(cell.task, pipe.first.get(), kReadable);  // it may have looked before the change
  REQUIRE(driver.watch(watch));
  driver.poll();
  CHECK(watch.has_news());
  CHECK_FALSE(other.has_news());
  driver.unwatch(watch);
  driver.unwatch(other);
}

TEST_CASE_FIXTURE(Fixture, "a close is known in every runtime of the process") {
  struct Watcher {
    explicit Watcher(int fd) : cell(schedule), watch(cell.task, fd, kReadable) { REQUIRE(driver.watch(watch)); }
    ~Watcher() { driver.unwatch(watch); }
    RecordingSchedule schedule;
    TestTask cell;
    Driver driver;
    FdWatch watch;
  };
  Watcher first(pipe.first.get()), second(pipe.first.get());
  Driver::announce_close(pipe.first.get());
  CHECK(first.watch.is_closed());
  CHECK(second.watch.is_closed());
}

TEST_CASE_FIXTURE(Fixture, "closing what nobody watches, or no descriptor at all, disturbs nobody") {
  FdWatch watch(cell.task, pipe.first.get(), kReadable);
  REQUIRE(driver.watch(watch));
  for (const int fd : {-1, pipe.second.get(), 1'000'000}) Driver::announce_close(fd);
  std::thread([&] { Driver::announce_close(pipe.second.get()); }).join();
  driver.poll();
  CHECK_FALSE(watch.has_news());
  CHECK(schedule.scheduled.empty());
  driver.unwatch(watch);
}
