#include "io/wait.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <string>

#include <runtime/error.hpp>

#include "context/context.hpp"
#include "driver/driver.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"
#include "time/look_again.hpp"
#include "time/park_until.hpp"

namespace runtime::inline v1::io {
namespace {

constexpr base::Nanos kLookAgain = 1'000'000;

WaitEnd translate(time::WaitEnd end) noexcept {
  switch (end) {
    case time::WaitEnd::done: return WaitEnd::ready;
    case time::WaitEnd::cancelled: return WaitEnd::cancelled;
    case time::WaitEnd::timed_out: return WaitEnd::timed_out;
  }
  __builtin_unreachable();
}

// No memory to watch with: wait a little and let the caller try.
WaitEnd wait_blindly(task::Task& task, base::Nanos deadline) noexcept {
  const time::LookAgain again(task, kLookAgain);
  return translate(time::park_until(task, deadline, [&again] { return again.is_due(); }));
}

}  // namespace

bool on_fiber() noexcept { return task::parkable() != nullptr; }

bool begin_call() noexcept {
  task::Task* task = task::parkable();
  if (task == nullptr) return false;
  task->schedule->spend_budget(*task);
  return true;
}

bool cancel_pending() noexcept {
  const task::Task* task = task::parkable();
  return task != nullptr && task::is_cancel_due(*task);
}

WaitEnd wait_fd(int fd, std::uint8_t interest, base::Nanos deadline, base::Nanos look_again) noexcept {
  task::Task& task = *task::parkable();
  driver::Driver& driver = *context::of(task).driver;
  driver::FdWatch watch(task, fd, interest);
  if (!driver.watch(watch)) return wait_blindly(task, deadline);
  task::Waiting waiting(task, task::WaitFor::descriptor);
  waiting.detail.watched = {fd, interest};
  std::optional<time::LookAgain> again;
  if (look_again != base::kForever) again.emplace(task, look_again);
  const auto end = time::park_until(task, deadline, [&watch, &again] {
    return watch.has_news() || (again && again->is_due());
  });
  driver.unwatch(watch);
  return end == time::WaitEnd::done && watch.is_closed() ? WaitEnd::closed : translate(end);
}

// Every message on a connection comes here: the frame is small, and nothing is asked that has no answer.
WaitEnd wait_owned(task::Task& task, int fd, std::uint8_t interest, std::uint64_t owner,
                   const std::atomic<bool>& closed) noexcept {
  driver::Driver& driver = *context::of(task).driver;
  driver::FdWatch watch(task, fd, interest, owner);
  if (!driver.watch(watch)) return wait_blindly(task, base::kForever);
  task::Waiting waiting(task, task::WaitFor::descriptor);
  waiting.detail.watched = {fd, interest};
  const auto end = task::park_until(
      task, [&watch, &closed] { return watch.has_news() || closed.load(std::memory_order_seq_cst); });
  driver.unwatch(watch);
  if (end == task::ParkEnd::cancelled) return WaitEnd::cancelled;
  return watch.is_closed() ? WaitEnd::closed : WaitEnd::ready;
}

void read_to_the_end(int fd, std::uint64_t owner) noexcept {
  task::Task* task = task::parkable();
  if (task != nullptr) context::of(*task).driver->read_to_the_end(fd, owner);
}

bool is_read_to_the_end(int fd, std::uint64_t owner) noexcept {
  task::Task* task = task::parkable();
  return task != nullptr && context::of(*task).driver->is_read_to_the_end(fd, owner);
}

WaitEnd wait_fds(FdWait* fds, std::size_t n, base::Nanos deadline, base::Nanos look_again) noexcept {
  task::Task& task = *task::parkable();
  driver::Driver& driver = *context::of(task).driver;
  // The watches are as many as the caller likes, so they are not on this stack.
  const auto free_raw = [](driver::FdWatch* memory) { ::operator delete(static_cast<void*>(memory)); };
  const std::unique_ptr<driver::FdWatch, decltype(free_raw)> memory(
      static_cast<driver::FdWatch*>(::operator new(n * sizeof(driver::FdWatch), std::nothrow)), free_raw);
  driver::FdWatch* watches = memory.get();
  if (watches == nullptr) return wait_blindly(task, deadline);

  std::size_t watched = 0;
  while (watched < n) {
    auto* watch = ::new (static_cast<void*>(watches + watched)) driver::FdWatch(task, fds[watched].fd, fds[watched].interest);
    if (!driver.watch(*watch)) break;
    ++watched;
  }
  WaitEnd end;
  if (watched < n) {
    end = wait_blindly(task, deadline);
  } else {
    task::Waiting waiting(task, task::WaitFor::descriptor);
    if (n > 0) waiting.detail.watched = {fds[0].fd, fds[0].interest};  // the first of them, as an example
    std::optional<time::LookAgain> again;
    if (look_again != base::kForever) again.emplace(task, look_again);
    end = translate(time::park_until(task, deadline, [watches, n, &again] {
      return std::any_of(watches, watches + n, [](const driver::FdWatch& watch) { return watch.has_news(); }) ||
             (again && again->is_due());
    }));
  }
  for (std::size_t i = 0; i < watched; ++i) {
    driver.unwatch(watches[i]);
    fds[i].ready = watches[i].ready();
    fds[i].closed = watches[i].is_closed();
  }
  return end;
}

WaitEnd pause(base::Nanos length, base::Nanos deadline) noexcept {
  task::Task& task = *task::parkable();
  const time::LookAgain again(task, length);
  const task::Waiting waiting(task, task::WaitFor::timer);
  return translate(time::park_until(task, deadline, [&again] { return again.is_due(); }));
}

void require_io(const char* what) {
  const task::Task* task = task::parkable();
  if (task == nullptr || context::of(*task).has_io) return;
  throw Error(Errc::io_disabled, std::string(what) + " in a runtime without I/O: build it with Builder::enable_io(true)");
}

void fd_closing(int fd) noexcept { driver::Driver::announce_close(fd); }

void fd_changed(int fd) noexcept { driver::Driver::announce_change(fd); }

}  // namespace runtime::inline v1::io
