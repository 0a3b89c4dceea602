// Conditions, semaphores, read-write locks, barriers, joins, once-functions and function-local statics with fibers:
// whoever waits lets the others run.

#include <fcntl.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "lock_support.hpp"

using namespace preload_test;

TEST_CASE_FIXTURE(Limits, "a condition is signalled between threads and fibers, to one or to all, and its waits have ends") {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  int turns = 0;
  int done = 0;
  const auto take_turn = [&] {
    ::pthread_mutex_lock(&mutex);
    while (turns == 0) ::pthread_cond_wait(&condition, &mutex);
    --turns;
    ++done;
    ::pthread_mutex_unlock(&mutex);
  };
  const auto give = [&](int count) {
    ::pthread_mutex_lock(&mutex);
    turns += count;
    ::pthread_mutex_unlock(&mutex);
    if (count == 1) ::pthread_cond_signal(&condition);
    if (count > 1) ::pthread_cond_broadcast(&condition);
  };
  on_root([&] {
    auto one = runtime::spawn_local(take_turn);
    auto two = runtime::spawn_local(take_turn);
    std::thread three(take_turn);
    settle();
    std::thread giver([&] { give(1); });
    giver.join();
    CHECK(eventually([&] { return turns == 0; }));
    give(2);
    three.join();
    one.join();
    two.join();
    CHECK(done == 3);

    ::pthread_mutex_lock(&mutex);
    timespec soon = in_time(CLOCK_REALTIME, 10ms);
    CHECK(::pthread_cond_timedwait(&condition, &mutex, &soon) == ETIMEDOUT);
    soon = in_time(CLOCK_MONOTONIC, 10ms);
    CHECK(::pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
    const timespec nonsense{0, 1'000'000'000};
    CHECK(::pthread_cond_timedwait(&condition, &mutex, &nonsense) == EINVAL);
    CHECK(::pthread_mutex_trylock(&mutex) == EBUSY);
    ::pthread_mutex_unlock(&mutex);
  });
  CHECK(::pthread_cond_destroy(&condition) == 0);
  CHECK(::pthread_mutex_destroy(&mutex) == 0);
}

TEST_CASE_FIXTURE(Limits, "a condition that was made for the monotonic clock is waited for by that") {
  pthread_condattr_t attributes;
  ::pthread_condattr_init(&attributes);
  ::pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_t condition;
  ::pthread_cond_init(&condition, &attributes);
  Mutex mutex(PTHREAD_MUTEX_RECURSIVE);
  on_root([&] {
    CHECK(mutex.lock() == 0);
    const auto begin = std::chrono::steady_clock::now();
    const timespec soon = in_time(CLOCK_MONOTONIC, 10ms);
    CHECK(::pthread_cond_timedwait(&condition, mutex, &soon) == ETIMEDOUT);
    CHECK(std::chrono::steady_clock::now() - begin >= 10ms);
    CHECK(mutex.unlock() == 0);
    CHECK(::pthread_cond_timedwait(&condition, mutex, &soon) == EPERM);
  });
  CHECK(::pthread_cond_destroy(&condition) == 0);
  ::pthread_condattr_destroy(&attributes);
}

TEST_CASE_FIXTURE(Limits, "a semaphore is posted between threads and fibers, and each post lets one in") {
  sem_t semaphore;
  ::sem_init(&semaphore, 0, 0);
  on_root([&] {
    int taken = 0;
    std::vector<JoinHandle<void>> fibers;
    for (int i = 0; i < 5; ++i) {
      fibers.push_back(runtime::spawn_local([&] {
        CHECK(::sem_wait(&semaphore) == 0);
        ++taken;
      }));
    }
    settle();
    CHECK(taken == 0);
    ::sem_post(&semaphore);
    CHECK(eventually([&] { return taken == 1; }));
    std::thread([&] {
      for (int i = 0; i < 4; ++i) ::sem_post(&semaphore);
    }).join();
    for (auto& fiber : fibers) fiber.join();
    CHECK(taken == 5);

    timespec soon = in_time(CLOCK_REALTIME, 5ms);
    CHECK((::sem_timedwait(&semaphore, &soon) == -1 && errno == ETIMEDOUT));
    soon = in_time(CLOCK_MONOTONIC, 5ms);
    CHECK((::sem_clockwait(&semaphore, CLOCK_MONOTONIC, &soon) == -1 && errno == ETIMEDOUT));
    soon.tv_nsec = -1;
    CHECK((::sem_timedwait(&semaphore, &soon) == -1 && errno == EINVAL));
  });
  ::sem_destroy(&semaphore);
}

TEST_CASE_FIXTURE(Limits, "a named semaphore that another process posts is noticed") {
  const std::string name = "/runtime-preload-" + std::to_string(::getpid());
  sem_t* semaphore = ::sem_open(name.c_str(), O_CREAT | O_EXCL, 0600, 0);
  REQUIRE(semaphore != SEM_FAILED);
  ::sem_unlink(name.c_str());
  const pid_t child = ::fork();
  if (child == 0) {
    ::usleep(10'000);
    ::sem_post(semaphore);
    ::_exit(0);
  }
  on_root([&] {
    const Ticker ticker;
    CHECK(::sem_wait(semaphore) == 0);
  });
  ::waitpid(child, nullptr, 0);
  ::sem_close(semaphore);
}

TEST_CASE_FIXTURE(Limits, "readers share a lock, and a writing sibling waits for all of them, and they for it") {
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  on_root([&] {
    std::string order;
    bool may_end = false;
    CHECK(::pthread_rwlock_rdlock(&lock) == 0);
    auto reader = runtime::spawn_local([&] {
      CHECK(::pthread_rwlock_rdlock(&lock) == 0);
      CHECK(::pthread_rwlock_rdlock(&lock) == 0);
      settle();
      order += "r";
      CHECK(::pthread_rwlock_unlock(&lock) == 0);
      CHECK(::pthread_rwlock_unlock(&lock) == 0);
    });
    auto writer = runtime::spawn_local([&] {
      timespec soon = in_time(CLOCK_REALTIME, 1ms);
      CHECK(::pthread_rwlock_timedwrlock(&lock, &soon) == ETIMEDOUT);
      CHECK(::pthread_rwlock_wrlock(&lock) == 0);
      order += "w";
      CHECK(::pthread_rwlock_wrlock(&lock) == EDEADLK);
      CHECK(::pthread_rwlock_rdlock(&lock) == EDEADLK);
      CHECK(eventually([&] { return may_end; }));
      order += "W";
      CHECK(::pthread_rwlock_unlock(&lock) == 0);
    });
    runtime::sleep_for(5ms);
    order += "m";
    CHECK(::pthread_rwlock_unlock(&lock) == 0);
    CHECK(eventually([&] { return order.back() == 'w'; }));
    CHECK(::pthread_rwlock_tryrdlock(&lock) == EBUSY);
    CHECK(::pthread_rwlock_trywrlock(&lock) == EBUSY);
    timespec soon = in_time(CLOCK_MONOTONIC, 0ms);
    CHECK(::pthread_rwlock_clockrdlock(&lock, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
    may_end = true;
    // The second writer of this thread: glibc alone would call that a deadlock.
    CHECK(::pthread_rwlock_wrlock(&lock) == 0);
    CHECK(order == "rmwW");
    CHECK(::pthread_rwlock_unlock(&lock) == 0);
    reader.join();
    writer.join();
  });
  CHECK(::pthread_rwlock_destroy(&lock) == 0);
}

TEST_CASE_FIXTURE(Limits, "a read-write lock is handed between threads and fibers") {
  std::shared_mutex lock;
  int value = 0;
  on_root([&] {
    lock.lock();
    std::thread writer([&] {
      const std::lock_guard guard(lock);
      value = value * 10 + 2;
      runtime::sleep_for(5ms);
    });
    auto reader = runtime::spawn_local([&] {
      const std::shared_lock guard(lock);
      return value;
    });
    runtime::sleep_for(2ms);
    value = 1;
    lock.unlock();
    const int seen = reader.join();
    CHECK((seen == 1 || seen == 12));
    writer.join();
    CHECK(value == 12);
  });
}

TEST_CASE_FIXTURE(Limits, "fibers and threads meet at one barrier, round after round, and it may be destroyed at once") {
  constexpr int kFibers = 3;
  constexpr int kThreads = 2;
  constexpr int kRounds = 50;
  auto barrier = std::make_unique<pthread_barrier_t>();
  REQUIRE(::pthread_barrier_init(barrier.get(), nullptr, kFibers + kThreads + 1) == 0);
  std::atomic<int> serial = 0;
  std::atomic<int> arrived = 0;
  std::atomic<bool> is_whole = true;
  const auto run = [&] {
    for (int round = 1; round <= kRounds; ++round) {
      ++arrived;
      const int result = ::pthread_barrier_wait(barrier.get());
      if (arrived < round * (kFibers + kThreads + 1)) is_whole = false;
      if (result == PTHREAD_BARRIER_SERIAL_THREAD) ++serial;
    }
  };
  on_root([&] {
    std::vector<JoinHandle<void>> fibers;
    for (int i = 0; i < kFibers; ++i) fibers.push_back(runtime::spawn_local(run));
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(run);
    run();
    CHECK(::pthread_barrier_destroy(barrier.get()) == 0);
    for (auto& fiber : fibers) fiber.join();
    for (auto& thread : threads) thread.join();
  });
  CHECK(is_whole);
  CHECK(serial == kRounds);
}

TEST_CASE_FIXTURE(Limits, "joining a thread that takes its time lets the others run") {
  on_root([&] {
    const Ticker ticker;
    std::thread slow([] { ::usleep(50'000); });
    const int before = ticker.ticks();
    slow.join();
    CHECK(ticker.ticks() - before > 5);

    thrd_t c11;
    REQUIRE(::thrd_create(&c11, [](void*) { return ::usleep(1'000) == 0 ? 42 : 0; }, nullptr) == thrd_success);
    int result = 0;
    CHECK(::thrd_join(c11, &result) == thrd_success);
    CHECK(result == 42);

    CHECK(::pthread_join(::pthread_self(), nullptr) == EDEADLK);
    static std::atomic<bool> may_end = false;
    pthread_t waiting;
    const auto wait = [](void*) -> void* {
      while (!may_end) ::usleep(500);
      return nullptr;
    };
    REQUIRE(::pthread_create(&waiting, nullptr, wait, nullptr) == 0);
    timespec soon = in_time(CLOCK_REALTIME, 5ms);
    CHECK(::pthread_timedjoin_np(waiting, nullptr, &soon) == ETIMEDOUT);
    soon = in_time(CLOCK_MONOTONIC, 5ms);
    CHECK(::pthread_clockjoin_np(waiting, nullptr, CLOCK_MONOTONIC, &soon) == ETIMEDOUT);
    may_end = true;
    CHECK(::pthread_timedjoin_np(waiting, nullptr, nullptr) == 0);
  });
}

namespace {

std::atomic<int> runs = 0;

void run_parking() {
  ++runs;
  ::usleep(5'000);
  ++runs;
}

/// Calls `enter` from two fibers and a thread at once; all come back when run_parking() has run to its end, once.
void enter_three_times(std::function<void()> enter) {
  runs = 0;
  on_root([&] {
    const Ticker ticker;
    auto first = runtime::spawn_local([&] {
      enter();
      CHECK(runs == 2);
    });
    auto second = runtime::spawn_local([&] {
      enter();
      CHECK(runs == 2);
    });
    settle();
    CHECK(runs == 1);
    std::thread third([&] {
      enter();
      CHECK(runs == 2);
    });
    first.join();
    second.join();
    third.join();
  });
  CHECK(runs == 2);
}

struct Parking {
  Parking() { run_parking(); }
};

struct Throwing {
  explicit Throwing(int& tries) {
    const int current = ++tries;
    ::usleep(2'000);
    if (current < 3) throw std::runtime_error("not yet");
  }
};

void make_throwing(int& tries) { static const Throwing made(tries); }

}  // namespace

TEST_CASE_FIXTURE(Limits, "a static whose initialiser parks is made once, for fibers and threads"
                          * doctest::skip(kOnceIsTheSanitizers)) {
  enter_three_times([] { static const Parking made; });
}

TEST_CASE_FIXTURE(Limits, "a once-function that parks runs once, by each of its three names"
                          * doctest::skip(kOnceIsTheSanitizers)) {
  static pthread_once_t control = PTHREAD_ONCE_INIT;
  enter_three_times([] { CHECK(::pthread_once(&control, &run_parking) == 0); });
  static once_flag c11 = ONCE_FLAG_INIT;
  enter_three_times([] { ::call_once(&c11, &run_parking); });
  static std::once_flag flag;
  enter_three_times([] { std::call_once(flag, [] { run_parking(); }); });
}

TEST_CASE_FIXTURE(Limits, "fibers wait for what a thread makes"
                          * doctest::skip(kOnceIsTheSanitizers)) {
  static pthread_once_t control = PTHREAD_ONCE_INIT;
  runs = 0;
  std::thread first([] { ::pthread_once(&control, &run_parking); });
  while (runs == 0) ::usleep(100);
  on_root([&] {
    const Ticker ticker;
    CHECK(::pthread_once(&control, &run_parking) == 0);
    CHECK(runs == 2);
  });
  first.join();
}

TEST_CASE_FIXTURE(Limits, "an initialiser or once-function that throws lets the next fiber try"
                          * doctest::skip(kOnceIsTheSanitizers)) {
  on_root([&] {
    int tries = 0;
    int thrown = 0;
    std::vector<JoinHandle<void>> fibers;
    for (int i = 0; i < 4; ++i) {
      fibers.push_back(runtime::spawn_local([&] {
        try {
          make_throwing(tries);
        } catch (const std::runtime_error&) {
          ++thrown;
        }
      }));
    }
    for (auto& fiber : fibers) fiber.join();
    CHECK(tries == 3);
    CHECK(thrown == 2);

    // Each fiber has a function of its own, and libstdc++ one place in each thread to hand it over.
    std::once_flag flag;
    std::string ran;
    std::vector<JoinHandle<void>> callers;
    for (int i = 0; i < 4; ++i) {
      callers.push_back(runtime::spawn_local([&, i] {
        try {
          std::call_once(flag, [&] {
            ran += static_cast<char>('0' + i);
            ::usleep(2'000);
            if (ran.size() < 3) throw i;
          });
        } catch (int who) {
          CHECK(who == i);
        }
      }));
    }
    for (auto& caller : callers) caller.join();
    CHECK(ran == "012");
  });
}

TEST_CASE_FIXTURE(Limits, "the child of a fork has no waiters, and its locks work") {
  Mutex mutex(PTHREAD_MUTEX_RECURSIVE);
  on_root([&] {
    CHECK(mutex.lock() == 0);
    auto waiting = runtime::spawn_local([&] {
      mutex.lock();
      mutex.unlock();
    });
    settle();
    const pid_t child = ::fork();
    if (child == 0) {
      pthread_mutex_t own = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
      pthread_once_t control = PTHREAD_ONCE_INIT;
      runs = 0;
      const bool works = ::pthread_mutex_lock(&own) == 0 && ::pthread_mutex_lock(&own) == 0 &&
                         ::pthread_mutex_unlock(&own) == 0 && ::pthread_mutex_unlock(&own) == 0 &&
                         ::pthread_mutex_unlock(&own) == EPERM && ::pthread_once(&control, &run_parking) == 0 && runs == 2;
      ::_exit(works ? 7 : 8);
    }
    int status = 0;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 7);
    CHECK(mutex.unlock() == 0);
    waiting.join();
  });
}
