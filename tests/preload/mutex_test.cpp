// pthread mutexes with fibers: siblings of one thread exclude each other, whatever the kind, and whoever waits lets the
// others run.

#include <semaphore.h>
#include <threads.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include <runtime/companion.h>
#include <runtime/dump.hpp>

#include "lock_support.hpp"

using namespace preload_test;

namespace {

constexpr int kKinds[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK,
                          PTHREAD_MUTEX_ADAPTIVE_NP};

}  // namespace

TEST_CASE_FIXTURE(Limits, "a mutex held across a park keeps a sibling fiber out, whatever its kind") {
  for (const int kind : kKinds) {
    CAPTURE(kind);
    Mutex mutex(kind);
    on_root([&] {
      std::string order;
      auto first = runtime::spawn_local([&] {
        CHECK(mutex.lock() == 0);
        order += "a";
        settle();
        order += "b";
        CHECK(mutex.unlock() == 0);
      });
      auto second = runtime::spawn_local([&] {
        CHECK(::pthread_mutex_trylock(mutex) == EBUSY);
        CHECK(mutex.lock() == 0);
        order += "c";
        CHECK(mutex.unlock() == 0);
      });
      first.join();
      second.join();
      CHECK(order == "abc");
    });
  }
}

TEST_CASE_FIXTURE(Limits, "waiters get a mutex in the order in which they came") {
  Mutex mutex(PTHREAD_MUTEX_NORMAL);
  on_root([&] {
    std::vector<int> order;
    CHECK(mutex.lock() == 0);
    std::vector<JoinHandle<void>> fibers;
    for (int i = 0; i < 5; ++i) {
      fibers.push_back(runtime::spawn_local([&, i] {
        CHECK(mutex.lock() == 0);
        order.push_back(i);
        CHECK(mutex.unlock() == 0);
      }));
      settle();
    }
    CHECK(mutex.unlock() == 0);
    for (auto& fiber : fibers) fiber.join();
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
  });
}

TEST_CASE_FIXTURE(Limits, "who unlocks, and locks again at once, lets a waiter in") {
  Mutex mutex(PTHREAD_MUTEX_NORMAL);
  sem_t semaphore;
  ::sem_init(&semaphore, 0, 1);
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  const auto compete = [](auto take, auto release) {
    bool has_waited = false;
    auto greedy = runtime::spawn_local([&] {
      int rounds = 0;
      for (; rounds < 200 && !has_waited; ++rounds) {
        take();
        ::usleep(100);
        release();
      }
      CHECK(rounds < 200);
    });
    auto modest = runtime::spawn_local([&] {
      take();
      has_waited = true;
      release();
    });
    greedy.join();
    modest.join();
  };
  on_root([&] {
    compete([&] { mutex.lock(); }, [&] { mutex.unlock(); });
    compete([&] { ::sem_wait(&semaphore); }, [&] { ::sem_post(&semaphore); });
    compete([&] { ::pthread_rwlock_wrlock(&lock); }, [&] { ::pthread_rwlock_unlock(&lock); });
  });
  ::sem_destroy(&semaphore);
}

TEST_CASE_FIXTURE(Limits, "a recursive mutex is entered again by its fiber, and by no sibling until the last unlock") {
  Mutex mutex(PTHREAD_MUTEX_RECURSIVE);
  on_root([&] {
    bool is_in = false;
    CHECK(mutex.lock() == 0);
    CHECK(mutex.lock() == 0);
    CHECK(::pthread_mutex_trylock(mutex) == 0);
    auto sibling = runtime::spawn_local([&] {
      CHECK(mutex.unlock() == EPERM);
      CHECK(mutex.lock() == 0);
      is_in = true;
      CHECK(mutex.unlock() == 0);
    });
    for (int i = 0; i < 3; ++i) {
      settle();
      CHECK_FALSE(is_in);
      CHECK(mutex.unlock() == 0);
    }
    sibling.join();
    CHECK(is_in);
    CHECK(mutex.unlock() == EPERM);
  });
}

TEST_CASE_FIXTURE(Limits, "an errorcheck mutex tells its own fiber of a deadlock, and refuses the unlock of a sibling") {
  Mutex mutex(PTHREAD_MUTEX_ERRORCHECK);
  on_root([&] {
    CHECK(mutex.lock() == 0);
    CHECK(mutex.lock() == EDEADLK);
    const timespec soon = in_time(CLOCK_REALTIME, 5ms);
    CHECK(::pthread_mutex_timedlock(mutex, &soon) == EDEADLK);
    runtime::spawn_local([&] {
      CHECK(mutex.unlock() == EPERM);
      CHECK(::pthread_mutex_timedlock(mutex, &soon) == ETIMEDOUT);
    }).join();
    CHECK(mutex.unlock() == 0);
  });
}

TEST_CASE_FIXTURE(Limits, "a fiber that ends with a lock leaves it held; the next fiber on its stack is another owner") {
  Mutex normal(PTHREAD_MUTEX_NORMAL);
  Mutex recursive(PTHREAD_MUTEX_RECURSIVE);
  on_root([&] {
    runtime::spawn_local([&] {
      CHECK(normal.lock() == 0);
      CHECK(recursive.lock() == 0);
    }).join();
    runtime::spawn_local([&] {
      CHECK(::pthread_mutex_trylock(recursive) == EBUSY);
      CHECK(recursive.unlock() == EPERM);
      CHECK(::pthread_mutex_trylock(normal) == EBUSY);
      CHECK(normal.unlock() == 0);  // anybody's
      CHECK(::pthread_mutex_trylock(normal) == 0);
      CHECK(normal.unlock() == 0);
    }).join();
  });
  CHECK(recursive.unlock() == 0);  // the thread's, for code outside of fibers
}

TEST_CASE_FIXTURE(Limits, "timed locks end by their time on either clock, and check it only when they have to wait") {
  Mutex mutex(PTHREAD_MUTEX_NORMAL);
  on_root([&] {
    const timespec nonsense{0, -1};
    CHECK(::pthread_mutex_timedlock(mutex, &nonsense) == 0);
    runtime::spawn_local([&] {
      const Ticker ticker;
      CHECK(::pthread_mutex_timedlock(mutex, &nonsense) == EINVAL);
      timespec soon = in_time(CLOCK_REALTIME, 20ms);
      CHECK(::pthread_mutex_timedlock(mutex, &soon) == ETIMEDOUT);
      soon = in_time(CLOCK_MONOTONIC, 20ms);
      CHECK(::pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
      const timespec past{1, 0};
      CHECK(::pthread_mutex_timedlock(mutex, &past) == ETIMEDOUT);
      CHECK(ticker.ticks() > 0);
    }).join();
    CHECK(mutex.unlock() == 0);
  });
}

TEST_CASE_FIXTURE(Limits, "a mutex held by another thread, or by a fiber of another runtime, is waited for in parking") {
  for (const int kind : kKinds) {
    CAPTURE(kind);
    Mutex mutex(kind);
    std::atomic<bool> is_held = false;
    std::atomic<bool> is_fiber = kind != PTHREAD_MUTEX_NORMAL;
    std::thread other([&] {
      const auto hold = [&] {
        mutex.lock();
        is_held = true;
        runtime::sleep_for(20ms);
        mutex.unlock();
      };
      if (is_fiber) {
        LocalRuntime().block_on(hold);
      } else {
        hold();
      }
    });
    on_root([&] {
      CHECK(eventually([&] { return is_held.load(); }));
      const Ticker ticker;
      CHECK(mutex.lock() == 0);
      CHECK(ticker.ticks() > 0);
      CHECK(mutex.unlock() == 0);
    });
    other.join();
  }
}

TEST_CASE_FIXTURE(Limits, "a thread waits for a fiber's mutex, also when it holds it across parks") {
  Mutex mutex(PTHREAD_MUTEX_RECURSIVE);
  int value = 0;
  on_root([&] {
    CHECK(mutex.lock() == 0);
    std::thread other([&] {
      mutex.lock();
      value *= 2;
      mutex.unlock();
    });
    runtime::sleep_for(5ms);
    value = 21;
    CHECK(mutex.unlock() == 0);
    other.join();
    CHECK(value == 42);
  });
}

TEST_CASE_FIXTURE(Limits, "waiting for a mutex is not cut short by cancellation, and a semaphore's wait is") {
  Mutex mutex(PTHREAD_MUTEX_NORMAL);
  sem_t semaphore;
  ::sem_init(&semaphore, 0, 0);
  on_root([&] {
    bool has_locked = false;
    CHECK(mutex.lock() == 0);
    auto locking = runtime::spawn_local([&] {
      CHECK(mutex.lock() == 0);
      has_locked = true;
      CHECK(mutex.unlock() == 0);
    });
    int said = 0;
    int error = 0;
    auto waiting = runtime::spawn_local([&] {
      said = ::sem_wait(&semaphore);
      error = errno;
    });
    settle();
    locking.abort();
    waiting.abort();
    waiting.join();
    CHECK(said == -1);
    CHECK(error == ECANCELED);
    CHECK_FALSE(has_locked);
    CHECK(mutex.unlock() == 0);
    locking.join();
    CHECK(has_locked);
  });
  ::sem_destroy(&semaphore);
}

TEST_CASE_FIXTURE(Limits, "robust, priority-inheriting and shared mutexes are the C library's, on fibers too") {
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_t robust[2];
  for (auto& mutex : robust) ::pthread_mutex_init(&mutex, &attributes);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_STALLED);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutex_t shared;
  ::pthread_mutex_init(&shared, &attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_PRIVATE);
  ::pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
  pthread_mutex_t inheriting;
  ::pthread_mutex_init(&inheriting, &attributes);
  ::pthread_mutexattr_destroy(&attributes);
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

  on_root([&] {
    std::thread([&] { ::pthread_mutex_lock(&robust[0]); }).join();
    CHECK(::pthread_mutex_lock(&robust[0]) == EOWNERDEAD);
    CHECK(::pthread_mutex_consistent(&robust[0]) == 0);
    CHECK(::pthread_mutex_lock(&robust[1]) == 0);
    CHECK(::pthread_mutex_unlock(&robust[0]) == 0);
    CHECK(::pthread_mutex_unlock(&robust[1]) == 0);
    for (pthread_mutex_t* mutex : {&robust[0], &shared, &inheriting}) {
      CHECK(::pthread_mutex_lock(mutex) == 0);
      CHECK(::pthread_mutex_trylock(mutex) == EBUSY);
      const timespec soon = in_time(CLOCK_REALTIME, 2ms);
      CHECK(::pthread_cond_timedwait(&condition, mutex, &soon) == ETIMEDOUT);
      CHECK(::pthread_mutex_unlock(mutex) == 0);
      CHECK(::pthread_mutex_timedlock(mutex, &soon) == 0);
      CHECK(::pthread_mutex_unlock(mutex) == 0);
    }
  });
  for (pthread_mutex_t* mutex : {&robust[0], &robust[1], &shared, &inheriting}) CHECK(::pthread_mutex_destroy(mutex) == 0);
}

TEST_CASE_FIXTURE(Limits, "locks are waited for in a runtime without timers") {
  LocalRuntime runtime = Builder().enable_time(false).build_local();
  runtime.block_on([] {
    Mutex mutex(PTHREAD_MUTEX_NORMAL);
    CHECK(mutex.lock() == 0);
    bool has_locked = false;
    auto waiting = runtime::spawn_local([&] {
      const timespec soon = in_time(CLOCK_REALTIME, 2ms);
      CHECK(::pthread_mutex_timedlock(mutex, &soon) == ETIMEDOUT);
      CHECK(mutex.lock() == 0);
      has_locked = true;
      CHECK(mutex.unlock() == 0);
    });
    ::usleep(10'000);
    CHECK_FALSE(has_locked);
    CHECK(mutex.unlock() == 0);
    waiting.join();
    CHECK(has_locked);
  });
}

TEST_CASE_FIXTURE(Limits, "ten fibers share three connections of a pool that knows only mutex and condition") {
  std::mutex mutex;
  std::condition_variable is_free;
  int free = 3;
  on_root([&] {
    int most = 0;
    std::vector<JoinHandle<void>> fibers;
    for (int i = 0; i < 10; ++i) {
      fibers.push_back(runtime::spawn_local([&] {
        {
          std::unique_lock lock(mutex);
          is_free.wait(lock, [&] { return free > 0; });
          --free;
          most = std::max(most, 3 - free);
        }
        runtime::sleep_for(2ms);
        const std::lock_guard lock(mutex);
        ++free;
        is_free.notify_one();
      }));
    }
    for (auto& fiber : fibers) fiber.join();
    CHECK(most == 3);
    CHECK(free == 3);
  });
}

TEST_CASE_FIXTURE(Limits, "the C11 names do the same, with their own results") {
  mtx_t mutex;
  cnd_t condition;
  ::mtx_init(&mutex, mtx_timed | mtx_recursive);
  ::cnd_init(&condition);
  on_root([&] {
    bool is_told = false;
    auto waiting = runtime::spawn_local([&] {
      CHECK(::mtx_lock(&mutex) == thrd_success);
      CHECK(::mtx_trylock(&mutex) == thrd_success);
      CHECK(::mtx_unlock(&mutex) == thrd_success);
      while (!is_told) CHECK(::cnd_wait(&condition, &mutex) == thrd_success);
      timespec soon = in_time(CLOCK_REALTIME, 5ms);
      CHECK(::cnd_timedwait(&condition, &mutex, &soon) == thrd_timedout);
      settle();
      CHECK(::mtx_unlock(&mutex) == thrd_success);
    });
    settle();
    CHECK(::mtx_lock(&mutex) == thrd_success);
    is_told = true;
    CHECK(::cnd_signal(&condition) == thrd_success);
    CHECK(::cnd_broadcast(&condition) == thrd_success);
    CHECK(::mtx_unlock(&mutex) == thrd_success);
    waiting.join();

    CHECK(::mtx_lock(&mutex) == thrd_success);
    runtime::spawn_local([&] {
      CHECK(::mtx_trylock(&mutex) == thrd_busy);
      const timespec soon = in_time(CLOCK_REALTIME, 5ms);
      CHECK(::mtx_timedlock(&mutex, &soon) == thrd_timedout);
      CHECK(::mtx_unlock(&mutex) == thrd_error);
    }).join();
    CHECK(::mtx_unlock(&mutex) == thrd_success);
  });
  ::cnd_destroy(&condition);
  ::mtx_destroy(&mutex);
}

static pthread_mutex_t named_in_dumps = PTHREAD_MUTEX_INITIALIZER;

TEST_CASE_FIXTURE(Limits, "a dump names the mutexes that a parked fiber holds") {
  LocalRuntime runtime;
  // From here on stops are seen, so it is known since when a fiber has parked with a mutex.
  ::runtime_companion_watch_switches();
  runtime.block_on([&] {
    auto holder = runtime::spawn_local([] {
      Mutex on_stack(PTHREAD_MUTEX_RECURSIVE);
      ::pthread_mutex_lock(&named_in_dumps);
      on_stack.lock();
      ::usleep(200'000);
      on_stack.unlock();
      ::pthread_mutex_unlock(&named_in_dumps);
    });
    settle();
    const std::string text = runtime.handle().dump().to_text();
    CAPTURE(text);
    const auto held = text.find("holds pthread mutex 0x");
    CHECK(held != std::string::npos);
    CHECK(text.find(" of preload-mutex_test)") == std::string::npos);  // the name is not exported
    CHECK(text.find("(preload-mutex_test+0x") != std::string::npos);
    CHECK(text.find(" ms, pthread mutex 0x") != std::string::npos);
    holder.join();
    CHECK(runtime.handle().dump().to_text().find("holds pthread mutex") == std::string::npos);
  });
}

TEST_CASE_FIXTURE(Limits, "a dump names the mutexes of any number of fibers") {
  LocalRuntime runtime;
  runtime.block_on([&] {
    constexpr int kFibers = 1'000;
    sem_t all_done;
    REQUIRE(::sem_init(&all_done, 0, 0) == 0);
    int held = 0;
    runtime::JoinSet<void> holders;
    for (int i = 0; i < kFibers; ++i) {
      holders.spawn_local([&] {
        Mutex mine(PTHREAD_MUTEX_NORMAL);
        mine.lock();
        ++held;
        while (::sem_wait(&all_done) != 0) {
        }
        mine.unlock();
      });
    }
    while (held < kFibers) runtime::yield_now();  // the root has its turn before all of them have had theirs
    const auto named = [&] {
      const std::string text = runtime.handle().dump().to_text();
      int count = 0;
      for (auto at = text.find("holds pthread mutex"); at != std::string::npos; at = text.find("holds pthread mutex", at + 1)) ++count;
      return count;
    };
    CHECK(named() == kFibers);
    for (int i = 0; i < kFibers; ++i) ::sem_post(&all_done);
    holders.join_all();
    CHECK(named() == 0);
    ::sem_destroy(&all_done);
  });
}
