#include "base/thread_parker.hpp"

#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"

using namespace runtime::base;

TEST_CASE_FIXTURE(test::LeakCheck, "an unpark before the park ends it at once") {
  ThreadParker parker;
  CHECK_FALSE(parker.is_unparked());
  parker.unpark();
  CHECK(parker.is_unparked());
  CHECK(parker.park_until(0));
  CHECK(parker.park_until(kForever));
}

TEST_CASE_FIXTURE(test::LeakCheck, "a deadline ends a park, and not before its time") {
  ThreadParker parker;
  CHECK_FALSE(parker.park_until(0));
  const Nanos deadline = deadline_after(3'000'000);
  CHECK_FALSE(parker.park_until(deadline));
  CHECK(monotonic_now() >= deadline);
  CHECK_FALSE(parker.is_unparked());
}

TEST_CASE_FIXTURE(test::LeakCheck, "another thread ends a park, with and without a deadline") {
  for (const Nanos deadline : {kForever, deadline_after(20'000'000'000)}) {
    ThreadParker parker;
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      parker.unpark();
    });
    CHECK(parker.park_until(deadline));
    other.join();
  }
}

TEST_CASE_FIXTURE(test::LeakCheck, "parking and unparking leave errno alone") {
  ThreadParker parker;
  errno = ERANGE;
  CHECK_FALSE(parker.park_until(0));
  CHECK(errno == ERANGE);
  parker.unpark();
  CHECK(errno == ERANGE);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a parker may go as soon as its park has ended") {
  std::atomic<ThreadParker*> mailbox{nullptr};
  constexpr int kRounds = 2'000;
  std::thread other([&] {
    for (int round = 0; round < kRounds; ++round) {
      ThreadParker* parker;
      while ((parker = mailbox.exchange(nullptr)) == nullptr) std::this_thread::yield();
      parker->unpark();
    }
  });
  int unparked = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto parker = std::make_unique<ThreadParker>();
    mailbox.store(parker.get());
    unparked += parker->park_until(kForever);
  }
  other.join();
  CHECK(unparked == kRounds);
}
