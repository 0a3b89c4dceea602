#include "base/unique_fd.hpp"

#include <fcntl.h>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"

using namespace runtime::base;

namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
int some_fd() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "a descriptor is closed with its owner") {
  int fd;
  {
    const UniqueFd owner(some_fd());
    fd = owner.get();
    CHECK(is_open(fd));
  }
  CHECK_FALSE(is_open(fd));
}

TEST_CASE_FIXTURE(test::LeakCheck, "an owner of nothing closes nothing") {
  { const UniqueFd none; }
  const UniqueFd refused(-1);
  CHECK(refused.get() == -1);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a move hands the descriptor over and leaves nothing behind") {
  UniqueFd from(some_fd());
  const int fd = from.get();
  UniqueFd to(std::move(from));
  CHECK(from.get() == -1);
  CHECK(to.get() == fd);
  CHECK(is_open(fd));

  UniqueFd third(some_fd());
  const int replaced = third.get();
  third = std::move(to);
  CHECK(third.get() == fd);
  CHECK_FALSE(is_open(replaced));
  CHECK(is_open(fd));

  third = UniqueFd();
  CHECK_FALSE(is_open(fd));
}

TEST_CASE_FIXTURE(test::LeakCheck, "moving a descriptor onto itself keeps it") {
  UniqueFd owner(some_fd());
  const int fd = owner.get();
  UniqueFd& same = owner;
  owner = std::move(same);
  CHECK(owner.get() == fd);
  CHECK(is_open(fd));
}
