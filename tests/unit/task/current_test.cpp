#include "task/current.hpp"

#include <set>
#include <thread>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"

using namespace runtime::task;

TEST_CASE_FIXTURE(test::LeakCheck, "a thread keeps its number, and no later thread gets it") {
  const std::uint64_t mine = this_thread();
  CHECK(mine != 0);
  std::set<std::uint64_t> numbers{mine};
  for (int i = 0; i < 50; ++i) {
    std::thread([&] {
      const std::uint64_t number = this_thread();
      CHECK(this_thread() == number);
      CHECK(numbers.insert(number).second);
    }).join();
  }
  CHECK(this_thread() == mine);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a thread that has just begun runs no task") {
  std::thread([] { CHECK(current() == nullptr); }).join();
}
