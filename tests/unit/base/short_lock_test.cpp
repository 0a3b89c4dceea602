#include "base/short_lock.hpp"

#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/leak_check.hpp"

using runtime::base::ShortLock;

TEST_CASE("a short lock is free before, taken inside, free after, and may be given back early") {
  std::atomic<std::uint32_t> word{0};
  {
    const ShortLock lock(word);
    CHECK(word == 1);
  }
  CHECK(word == 0);
  ShortLock lock(word);
  lock.unlock();
  CHECK(word == 0);
  const ShortLock again(word);
  CHECK(word == 1);
}

TEST_CASE_FIXTURE(test::LeakCheck, "what several threads do under it is done one after the other") {
  std::atomic<std::uint32_t> word{0};
  long count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        const ShortLock lock(word);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(count == 80'000);
}

TEST_CASE_FIXTURE(test::LeakCheck, "one whose holder has lost its processor waits for it, and keeps errno") {
  std::atomic<std::uint32_t> word{0};
  std::atomic<bool> has_it{false};
  ShortLock lock(word);
  std::thread other([&] {
    errno = 7;
    const ShortLock late(word);
    CHECK(errno == 7);
    has_it = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(2));  // past the spinning and the yielding
  CHECK_FALSE(has_it);
  lock.unlock();
  other.join();
  CHECK(has_it);
}
