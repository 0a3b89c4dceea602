#include "posix/flag_loan.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "base/unique_fd.hpp"

using namespace runtime::posix;

namespace {

bool has_flag(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

}  // namespace

TEST_CASE("a loan sets the flag and puts it back, and leaves errno alone") {
  const runtime::base::UniqueFd fd(::eventfd(0, 0));
  errno = 77;
  {
    const FlagLoan loan(fd.get());
    CHECK_FALSE(loan.was_set());
    CHECK(has_flag(fd.get()));
    errno = 77;
  }
  CHECK(errno == 77);
  CHECK_FALSE(has_flag(fd.get()));
  CHECK_FALSE(is_nonblocking(fd.get()));
  CHECK(errno == 77);
}

TEST_CASE("a flag that the program has set stays, and the other flags as well") {
  const runtime::base::UniqueFd fd(::eventfd(0, EFD_NONBLOCK));
  {
    const FlagLoan loan(fd.get());
    CHECK(loan.was_set());
    // Nothing is lent, so nothing is locked either.
    CHECK(is_nonblocking(fd.get()));
  }
  CHECK(is_nonblocking_after_all(fd.get()));

  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const runtime::base::UniqueFd reader(pipe[0]), writer(pipe[1]);
  REQUIRE(::fcntl(pipe[1], F_SETFL, O_APPEND) == 0);
  const int flags = ::fcntl(pipe[1], F_GETFL);
  { const FlagLoan loan(pipe[1]); }
  CHECK(::fcntl(pipe[1], F_GETFL) == flags);
}

TEST_CASE("what is no descriptor cannot be lent, and hinders nobody") {
  const FlagLoan none(-1);
  CHECK_FALSE(none.was_set());
  CHECK_FALSE(is_nonblocking(-1));
}

TEST_CASE("loans of many threads on one description never overlap, and nobody takes one for the program's wish") {
  const runtime::base::UniqueFd fd(::eventfd(0, 0));
  std::atomic<int> mistaken{0}, missing{0}, ready{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (++ready; ready < 3;) std::this_thread::yield();
      for (int round = 0; round < 50'000; ++round) {
        {
          const FlagLoan loan(fd.get());
          mistaken += loan.was_set();
          missing += !has_flag(fd.get());
        }
        mistaken += is_nonblocking(fd.get());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(mistaken == 0);
  CHECK(missing == 0);
  CHECK_FALSE(has_flag(fd.get()));
}

TEST_CASE("a child forked at any moment finds no loan left open") {
  const runtime::base::UniqueFd fd(::eventfd(0, 0));
  std::atomic<bool> stop{false};
  std::thread borrower([&] {
    while (!stop) const FlagLoan loan(fd.get());
  });
  for (int i = 0; i < 100; ++i) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::alarm(5);  // a lock left taken would hold the child for ever
      const runtime::base::UniqueFd own(::eventfd(0, 0));
      const FlagLoan loan(own.get());
      // Not exit(): a leak checker would take the memory of the thread that was not forked for lost.
      ::raise(!loan.was_set() && has_flag(own.get()) ? SIGKILL : SIGTERM);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGKILL);
  }
  stop = true;
  borrower.join();
}
