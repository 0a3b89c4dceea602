#include "driver/fd_watch.hpp"

#include <sys/mman.h>

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

// In a child: libev, where it is built with its assertions, would end the program over such a number.
TEST_CASE_FIXTURE(Fixture,
                  "what is no descriptor, or was closed before the kernel heard of the watch, is ready at once") {
  for (const bool closed_later : {false, true}) {
    CAPTURE(closed_later);
    const auto end = test::in_child([this, closed_later] {
      const int fd = ::dup(pipe.first.get());
      const runtime::base::UniqueFd higher(::dup(pipe.first.get()));
      FdWatch first(other_cell.task, higher.get(), kReadable);
      static_cast<void>(driver.watch(first));
      FdWatch watch(cell.task, fd, kReadable);
      if (!closed_later) ::close(fd);
      static_cast<void>(driver.watch(watch));
      if (closed_later) ::close(fd);
      poll_for(watch);
      test::say(watch.ready() == kReadable ? "ready" : "no news");
      driver.unwatch(watch);
      driver.unwatch(first);
    });
    CAPTURE(end);
    CHECK(end.status == 0);
    CHECK(end.text == "ready\n");
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
