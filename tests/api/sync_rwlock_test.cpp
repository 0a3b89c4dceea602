// RwLock: sharing, order, preference for writers, cancellation, limits, misuse.

#include <mutex>
#include <shared_mutex>

#include "sync_support.hpp"

using namespace api_test;
using Steady = std::chrono::steady_clock;

namespace {

sync::RwLock constant_initialised;

bool is_free(sync::RwLock& lock) {
  if (!lock.try_lock()) return false;
  lock.unlock();
  return true;
}

/// Tasks that take a lock, write their names down and give way while they have it.
struct Queue {
  JoinHandle<void> reader(char name) {
    return spawn_settled([this, name] {
      const std::shared_lock guard(lock);
      order += name;
      runtime::yield_now();
    });
  }
  JoinHandle<void> writer(char name) {
    return spawn_settled([this, name] {
      const std::unique_lock guard(lock);
      order += name;
      runtime::yield_now();
    });
  }
  sync::RwLock lock;
  std::string order;
};

}  // namespace

TEST_CASE("many read at once, one writes alone, also before main and without a runtime") {
  const Limits limits;
  sync::RwLock& lock = constant_initialised;
  {
    const std::shared_lock a(lock), b(lock);
    CHECK_FALSE(lock.try_lock());
    CHECK(lock.try_lock_shared());
    lock.unlock_shared();
    CHECK_FALSE(lock.try_lock_for(1ms));
    CHECK_FALSE(lock.try_lock_until(Steady::now()));
  }
  {
    const std::unique_lock writer(lock);
    CHECK_FALSE(lock.try_lock());
    CHECK_FALSE(lock.try_lock_shared());
    Thread([&] {
      CHECK_FALSE(lock.try_lock_shared_for(1ms));
      CHECK_FALSE(lock.try_lock_shared_until(Steady::now()));
    }).join();
  }
  CHECK(is_free(lock));
}

TEST_CASE("whoever waits is served in the order they came, readers beside each other together") {
  Checked house;
  house.rt.block_on([] {
    Queue queue;
    queue.lock.lock();
    auto r1 = queue.reader('1'), r2 = queue.reader('2'), w = queue.writer('w'), r3 = queue.reader('3');
    CHECK(queue.order.empty());
    queue.lock.unlock();
    CHECK_FALSE(queue.lock.try_lock_shared());
    r3.join();
    CHECK(queue.order == "12w3");
    for (auto* task : {&r1, &r2, &w}) task->join();
    CHECK(is_free(queue.lock));
  });
}

TEST_CASE("a reader that comes after a waiting writer waits behind him") {
  Checked house;
  house.rt.block_on([] {
    Queue queue;
    queue.lock.lock_shared();
    auto writer = queue.writer('w'), reader = queue.reader('r');
    CHECK_FALSE(queue.lock.try_lock_shared());
    CHECK(queue.order.empty());
    queue.lock.unlock_shared();
    reader.join();
    writer.join();
    CHECK(queue.order == "wr");
  });
}

TEST_CASE("a writer that gives up, by abort or by limit, lets the readers behind him in") {
  Checked house;
  house.rt.block_on([] {
    Queue queue;
    queue.lock.lock_shared();
    auto aborted = queue.writer('w');
    auto behind = queue.reader('r');
    aborted.abort();
    CHECK(was_cancelled(aborted));
    behind.join();
    auto impatient = spawn_settled([&] { CHECK_FALSE(queue.lock.try_lock_for(1ms)); });
    queue.reader('s').join();
    impatient.join();
    CHECK(queue.order == "rs");
    queue.lock.unlock_shared();
    CHECK(is_free(queue.lock));
  });
}

TEST_CASE("a waiter aborted when the lock is his already passes it on") {
  Checked house;
  house.rt.block_on([] {
    Queue queue;
    queue.lock.lock();
    auto first = queue.writer('a');
    auto second = queue.reader('b');
    queue.lock.unlock();
    first.abort();
    CHECK(was_cancelled(first));
    second.join();
    CHECK(queue.order == "b");
    CHECK(is_free(queue.lock));
  });
}

TEST_CASE("all four ways to wait are suspension points, the others are not") {
  Checked house;
  house.rt.block_on([] {
    sync::RwLock lock;
    CHECK(is_suspension_point([&] { lock.lock(); }));
    CHECK(is_suspension_point([&] { lock.lock_shared(); }));
    CHECK(is_suspension_point([&] { static_cast<void>(lock.try_lock_for(1h)); }));
    CHECK(is_suspension_point([&] { static_cast<void>(lock.try_lock_shared_for(1h)); }));
    CHECK_FALSE(is_suspension_point([&] {
      if (lock.try_lock()) lock.unlock();
      if (lock.try_lock_shared()) lock.unlock_shared();
    }));
    CHECK(is_free(lock));
  });
}

TEST_CASE("asking again for what one has to write, and giving back what one has not, are refused") {
  const auto misuse = [] {
    sync::RwLock lock;
    CHECK(code_of([&] { lock.unlock(); }) == Errc::invalid_argument);
    CHECK(code_of([&] { lock.unlock_shared(); }) == Errc::invalid_argument);
    lock.lock();
    CHECK(code_of([&] { lock.lock(); }) == Errc::would_deadlock);
    CHECK(code_of([&] { lock.lock_shared(); }) == Errc::would_deadlock);
    CHECK(code_of([&] { static_cast<void>(lock.try_lock_for(1h)); }) == Errc::would_deadlock);
    CHECK(code_of([&] { lock.unlock_shared(); }) == Errc::invalid_argument);
    Thread([&] { CHECK(code_of([&] { lock.unlock(); }) == Errc::invalid_argument); }).join();
    lock.unlock();
    lock.lock_shared();
    CHECK(code_of([&] { lock.unlock(); }) == Errc::invalid_argument);
    lock.unlock_shared();
    CHECK(code_of([&] { static_cast<void>(lock.try_lock_shared_for(-1ms)); }) == Errc::invalid_argument);
    CHECK(is_free(lock));
  };
  Checked house;
  misuse();
  house.rt.block_on([&] {
    misuse();
    runtime::spawn_local(misuse).join();
  });
}

TEST_CASE("two runtimes and a plain thread read and write one pair that never differs") {
  constexpr int kEach = 400;
  Checked house;
  sync::RwLock lock;
  long left = 0, right = 0;
  const auto work = [&] {
    for (int i = 0; i < kEach; ++i) {
      if (i % 4 == 0) {
        const std::unique_lock guard(lock);
        ++left;
        runtime::yield_now();
        ++right;
      } else {
        const std::shared_lock guard(lock);
        if (i % 16 == 1) runtime::yield_now();
        if (left != right) FAIL_CHECK("a reader met a writer");
      }
    }
  };
  const auto fibers = [&] {
    auto a = runtime::spawn_local(work), b = runtime::spawn_local(work);
    a.join();
    b.join();
  };
  OtherRuntime other(fibers);
  Thread plain(work);
  house.rt.block_on(fibers);
  other.join();
  plain.join();
  CHECK(left == 5 * kEach / 4);
  CHECK(is_free(lock));
}
