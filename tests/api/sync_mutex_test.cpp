// Mutex: order, hand-over, cancellation, limits, misuse, and who may share it.

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>

#include "sync_support.hpp"

using namespace api_test;
using Steady = std::chrono::steady_clock;

static_assert(!std::is_copy_constructible_v<sync::Mutex> && !std::is_move_constructible_v<sync::Mutex>);

namespace {

sync::Mutex constant_initialised;

/// True when somebody could have it now; gives it back at once.
bool is_free(sync::Mutex& mutex) {
  if (!mutex.try_lock()) return false;
  mutex.unlock();
  return true;
}

}  // namespace

TEST_CASE("a mutex is ready before main, and works on a plain thread without any runtime") {
  const Limits limits;
  constant_initialised.lock();
  CHECK_FALSE(constant_initialised.try_lock());
  constant_initialised.unlock();
  CHECK(is_free(constant_initialised));
}

TEST_CASE("the standard's guards lock it, one or several at once") {
  Checked house;
  house.rt.block_on([] {
    sync::Mutex a, b;
    {
      const std::lock_guard guard(a);
      CHECK_FALSE(is_free(a));
    }
    {
      std::unique_lock lock(a, std::try_to_lock);
      CHECK(lock.owns_lock());
      std::unique_lock moved = std::move(lock);
      CHECK(moved.owns_lock());
      CHECK(std::unique_lock(b, 1ms).owns_lock());
    }
    {
      const std::scoped_lock both(a, b);
      CHECK_FALSE(is_free(a));
      CHECK_FALSE(is_free(b));
    }
    CHECK(is_free(a));
    CHECK(is_free(b));
  });
}

TEST_CASE("whoever waits gets the lock in the order they came, and nobody in between") {
  Checked house;
  house.rt.block_on([] {
    sync::Mutex mutex;
    std::string order;
    mutex.lock();
    std::vector<JoinHandle<void>> tasks;
    for (const char name : {'a', 'b', 'c'}) {
      tasks.push_back(runtime::spawn_local([&, name] {
        const std::lock_guard guard(mutex);
        order += name;
        runtime::yield_now();  // held across a wait
      }));
    }
    settle();
    CHECK(order.empty());
    mutex.unlock();
    // It is 'a's already, although 'a' has not run since.
    CHECK_FALSE(mutex.try_lock());
    mutex.lock();
    CHECK(order == "abc");
    mutex.unlock();
    for (auto& task : tasks) task.join();
  });
}

TEST_CASE("a waiter that is aborted loses its place, and the lock goes to the next") {
  Checked house;
  house.rt.block_on([] {
    sync::Mutex mutex;
    std::string order;
    mutex.lock();
    const auto waiter = [&](char name) {
      return spawn_settled([&order, &mutex, name] {
        const std::lock_guard guard(mutex);
        order += name;
      });
    };
    auto a = waiter('a'), b = waiter('b'), c = waiter('c');
    b.abort();
    CHECK(was_cancelled(b));
    mutex.unlock();
    a.join();
    c.join();
    CHECK(order == "ac");
    CHECK(is_free(mutex));
  });
}

TEST_CASE("a waiter aborted when the lock is its own already passes it on") {
  Checked house;
  house.rt.block_on([] {
    sync::Mutex mutex;
    bool reached = false;
    mutex.lock();
    auto first = spawn_settled([&] {
      const std::lock_guard guard(mutex);
      reached = true;
    });
    auto second = spawn_settled([&] { const std::lock_guard guard(mutex); });
    mutex.unlock();
    first.abort();
    CHECK_FALSE(mutex.try_lock());
    CHECK(was_cancelled(first));
    CHECK_FALSE(reached);
    second.join();
    CHECK(is_free(mutex));

    mutex.lock();
    auto last = spawn_settled([&] { mutex.lock(); });
    mutex.unlock();
    last.abort();
    CHECK(was_cancelled(last));
    CHECK(is_free(mutex));
  });
}

TEST_CASE("a lock is a suspension point also when it is free; try_lock and unlock are none") {
  Checked house;
  house.rt.block_on([] {
    sync::Mutex mutex;
    CHECK(is_suspension_point([&] { mutex.lock(); }));
    CHECK(is_suspension_point([&] { static_cast<void>(mutex.try_lock_for(1h)); }));
    CHECK_FALSE(is_suspension_point([&] {
      CHECK(mutex.try_lock());
      mutex.unlock();
    }));
    CHECK(is_free(mutex));
  });
}

TEST_CASE("a task that dies with the lock in a guard gives it back, and the next finds no poison") {
  Checked house;
  house.rt.block_on([] {
    sync::Mutex mutex;
    auto failing = runtime::spawn_local([&] {
      const std::lock_guard guard(mutex);
      runtime::yield_now();
      throw std::runtime_error("in the guard");
    });
    auto next = runtime::spawn_local([&] { const std::lock_guard guard(mutex); });
    CHECK_THROWS_AS(failing.join(), std::runtime_error);
    next.join();
    auto aborted = spawn_settled([&] {
      const std::lock_guard guard(mutex);
      wait_for_ever();
    });
    CHECK_FALSE(is_free(mutex));
    aborted.abort();
    CHECK(was_cancelled(aborted));
    CHECK(is_free(mutex));
  });
}

TEST_CASE("after the last hand-over the lock is as it was: free, awaited again, or left by a waiter") {
  Checked house;
  house.rt.block_on([] {
    sync::Mutex mutex;
    std::string order;
    bool may_end = true;
    const auto waiter = [&](char name) {
      auto task = runtime::spawn_local([&, name] {
        const std::lock_guard lock(mutex);
        order += name;
        while (!may_end) runtime::yield_now();
      });
      settle();
      return task;
    };
    mutex.lock();
    auto a = waiter('a');
    mutex.unlock();  // a has it, and nobody else has come
    a.join();
    CHECK(is_free(mutex));

    mutex.lock();
    auto b = waiter('b');
    may_end = false;
    mutex.unlock();
    auto c = waiter('c');
    CHECK(order == "ab");  // b has it, and c waits
    CHECK_FALSE(mutex.try_lock());
    may_end = true;
    b.join(), c.join();
    CHECK(is_free(mutex));

    mutex.lock();
    auto d = runtime::spawn_local([&] {
      const std::lock_guard lock(mutex);
      CHECK_FALSE(runtime::spawn_local([&] { return mutex.try_lock_for(1ms); }).join());
      auto aborted = waiter('-');
      aborted.abort();
      CHECK(was_cancelled(aborted));
    });
    settle();
    mutex.unlock();
    d.join();
    CHECK(is_free(mutex));
    CHECK(order == "abc");
  });
}

TEST_CASE("a limit gives up in time, leaves no trace in the queue, and gets a lock that comes free before it") {
  Checked house;
  house.rt.block_on([] {
    sync::Mutex mutex;
    mutex.lock();
    auto impatient = runtime::spawn_local([&] {
      const auto start = Steady::now();
      CHECK_FALSE(mutex.try_lock_for(2ms));
      CHECK(Steady::now() - start >= 2ms);
      CHECK_FALSE(mutex.try_lock_for(0ms));
      CHECK_FALSE(mutex.try_lock_until(Steady::now() + 1ms));
      CHECK_FALSE(mutex.try_lock_until(Steady::now() - 1h));
      CHECK_FALSE(mutex.try_lock_until(std::chrono::system_clock::now() + 1ms));
      CHECK(code_of([&] { static_cast<void>(mutex.try_lock_for(-1ns)); }) == Errc::invalid_argument);
    });
    impatient.join();
    mutex.unlock();
    CHECK(is_free(mutex));
    CHECK(mutex.try_lock_until(Steady::now() - 1h));
    auto patient = spawn_settled([&] {
      CHECK(mutex.try_lock_for(1h));
      mutex.unlock();
      CHECK(mutex.try_lock_for(std::chrono::hours::max()));
      mutex.unlock();
    });
    mutex.unlock();
    patient.join();
  });
}

TEST_CASE("a plain thread's limit does the same") {
  const Limits limits;
  sync::Mutex mutex;
  mutex.lock();
  Thread([&] {
    CHECK_FALSE(mutex.try_lock_for(2ms));
    CHECK_FALSE(mutex.try_lock_until(Steady::now() + 1ms));
  }).join();
  Thread patient([&] {
    CHECK(mutex.try_lock_for(1h));
    mutex.unlock();
  });
  runtime::sleep_for(1ms);
  mutex.unlock();
  patient.join();
  CHECK(is_free(mutex));
}

TEST_CASE("locking a mutex one holds is refused, in a task, in the root and on a plain thread") {
  const auto lock_twice = [] {
    sync::Mutex mutex;
    mutex.lock();
    CHECK(code_of([&] { mutex.lock(); }) == Errc::would_deadlock);
    CHECK(code_of([&] { static_cast<void>(mutex.try_lock_for(1h)); }) == Errc::would_deadlock);
    CHECK_FALSE(mutex.try_lock());
    mutex.unlock();
    CHECK(is_free(mutex));
  };
  lock_twice();
  Checked house;
  house.rt.block_on([&] {
    lock_twice();
    runtime::spawn_local(lock_twice).join();
    runtime::spawn_blocking(lock_twice).join();
  });
}

TEST_CASE("unlocking a mutex of somebody else, or of nobody, is refused and changes nothing") {
  Checked house;
  sync::Mutex mutex;
  const auto refused = [&] { CHECK(code_of([&] { mutex.unlock(); }) == Errc::invalid_argument); };
  refused();
  house.rt.block_on([&] {
    refused();
    mutex.lock();
    runtime::spawn_local(refused).join();
    runtime::spawn_blocking(refused).join();
    Thread{refused}.join();
    mutex.unlock();
    runtime::spawn_local([&] {
      mutex.lock();
      // The root is another one than its tasks.
      auto waiter = runtime::spawn_local([&] { refused(); });
      waiter.join();
      mutex.unlock();
    }).join();
  });
  CHECK(is_free(mutex));
}

TEST_CASE("the root of block_on and the code around it are one holder, also on a fiber of another runtime") {
  Checked house;
  sync::Mutex mutex;
  mutex.lock();
  house.rt.block_on([&] {
    CHECK(code_of([&] { mutex.lock(); }) == Errc::would_deadlock);
    mutex.unlock();
    mutex.lock();
  });
  mutex.unlock();
  house.rt.block_on([&] {
    mutex.lock();  // the outer root's: a holder of its own beside the task below
    auto task = runtime::spawn_local([&] {
      LocalRuntime inner;
      inner.block_on([&] { CHECK(mutex.try_lock_for(1h)); });
      mutex.unlock();
    });
    settle();
    mutex.unlock();
    task.join();
  });
  CHECK(is_free(mutex));
}

TEST_CASE("a destructor that runs while its task is unwound waits for the lock") {
  Checked house;
  house.rt.block_on([] {
    sync::Mutex mutex;
    bool had_it = false;
    mutex.lock();
    auto task = spawn_settled([&] {
      const AtExit at_exit([&] {
        const std::lock_guard guard(mutex);
        had_it = true;
      });
      wait_for_ever();
    });
    task.abort();
    settle();
    CHECK_FALSE(task.is_finished());
    mutex.unlock();
    CHECK(was_cancelled(task));
    CHECK(had_it);
  });
}

TEST_CASE("fibers of two runtimes and plain threads share one mutex, and no increment is lost") {
  constexpr int kEach = 500;
  Checked house;
  sync::Mutex mutex;
  long count = 0;
  const auto work = [&](bool on_fiber) {
    for (int i = 0; i < kEach; ++i) {
      const std::lock_guard guard(mutex);
      const long before = count;
      if (on_fiber && i % 16 == 0) runtime::yield_now();
      count = before + 1;
    }
  };
  const auto fibers = [&] {
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(runtime::spawn_local([&] { work(true); }));
    for (auto& task : tasks) task.join();
  };
  OtherRuntime other(fibers);
  Thread plain([&] { work(false); });
  house.rt.block_on(fibers);
  other.join();
  plain.join();
  CHECK(count == 7 * kEach);
  CHECK(is_free(mutex));
}

TEST_CASE("the next holder may destroy the mutex as soon as it has it") {
  Checked house;
  house.rt.block_on([] {
    for (int round = 0; round < 200; ++round) {
      auto mutex = std::make_unique<sync::Mutex>();
      mutex->lock();
      Thread destroyer([&] {
        mutex->lock();
        mutex->unlock();
        mutex.reset();
      });
      if (round % 2 == 0) runtime::yield_now();
      mutex->unlock();
      destroyer.join();
    }
  });
}
