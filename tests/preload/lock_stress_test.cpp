// Fibers of two runtimes and plain threads at the same locks, with parks at random places: who holds a lock holds it alone,
// nothing is lost, and everybody comes to an end.

#include <semaphore.h>

#include <deque>
#include <random>
#include <vector>

#include "lock_support.hpp"

using namespace preload_test;

namespace {

constexpr int kFibers = 8;   // of each of two runtimes
constexpr int kThreads = 2;  // without one
constexpr int kWorkers = 2 * kFibers + kThreads;
constexpr int kRounds = 1000;

/// What a worker does now and then: it gives way, or sleeps.
class Chance {
 public:
  explicit Chance(unsigned seed) : random_(seed) {}
  bool one_in(unsigned n) { return random_() % n == 0; }
  void pause() {
    if (one_in(4)) runtime::yield_now();
    if (one_in(40)) ::usleep(random_() % 300);
  }

 private:
  std::minstd_rand random_;
};

/// Runs `work` in all workers; each gets its number.
template <class Work>
void run_everywhere(Work work) {
  std::vector<std::thread> threads;
  for (int r = 0; r < 2; ++r) {
    threads.emplace_back([&, r] {
      LocalRuntime runtime;
      runtime.block_on([&] {
        std::vector<JoinHandle<void>> fibers;
        for (int i = 0; i < kFibers; ++i) fibers.push_back(runtime::spawn_local([&, i] { work(r * kFibers + i); }));
        for (auto& fiber : fibers) fiber.join();
      });
    });
  }
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&, i] { work(2 * kFibers + i); });
  for (auto& thread : threads) thread.join();
}

}  // namespace

TEST_CASE_FIXTURE(Limits, "mutexes of all kinds exclude, and nobody waits for ever") {
  for (const int kind : {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK}) {
    CAPTURE(kind);
    Mutex mutex(kind);
    int holder = -1;
    int count = 0;
    std::atomic<int> failures = 0;
    std::atomic<int> expired = 0;
    run_everywhere([&](int self) {
      Chance chance(static_cast<unsigned>(self + 1));
      for (int round = 0; round < kRounds; ++round) {
        int error = 0;
        if (chance.one_in(5)) {
          const timespec soon = in_time(CLOCK_REALTIME, 100us);
          error = ::pthread_mutex_timedlock(mutex, &soon);
        } else if (chance.one_in(5)) {
          error = ::pthread_mutex_trylock(mutex);
        } else {
          error = mutex.lock();
        }
        if (error == ETIMEDOUT || error == EBUSY) {
          ++expired;
          continue;
        }
        if (error != 0 || holder != -1) ++failures;
        holder = self;
        const bool is_twice = kind == PTHREAD_MUTEX_RECURSIVE && chance.one_in(2);
        if (is_twice && mutex.lock() != 0) ++failures;
        chance.pause();
        if (is_twice && mutex.unlock() != 0) ++failures;
        if (holder != self) ++failures;
        holder = -1;
        ++count;
        if (mutex.unlock() != 0) ++failures;
      }
    });
    CHECK(failures == 0);
    CHECK(count + expired == kWorkers * kRounds);
  }
}

TEST_CASE_FIXTURE(Limits, "a queue of mutex, condition and semaphore loses nothing") {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t has_items = PTHREAD_COND_INITIALIZER;
  sem_t room;
  ::sem_init(&room, 0, 5);
  std::deque<int> items;
  long long put = 0;
  long long taken = 0;
  std::atomic<int> failures = 0;
  // Even workers put, odd ones take, as many.
  static_assert(kWorkers % 2 == 0);
  run_everywhere([&](int self) {
    Chance chance(static_cast<unsigned>(self + 100));
    for (int round = 0; round < kRounds; ++round) {
      if (self % 2 == 0) {
        if (::sem_wait(&room) != 0) ++failures;
        ::pthread_mutex_lock(&mutex);
        items.push_back(self * kRounds + round);
        put += items.back();
        chance.pause();
        ::pthread_mutex_unlock(&mutex);
        ::pthread_cond_signal(&has_items);
      } else {
        ::pthread_mutex_lock(&mutex);
        while (items.empty()) {
          const timespec soon = in_time(CLOCK_REALTIME, 200us);
          const int error = chance.one_in(10) ? ::pthread_cond_timedwait(&has_items, &mutex, &soon)
                                              : ::pthread_cond_wait(&has_items, &mutex);
          if (error != 0 && error != ETIMEDOUT) ++failures;
        }
        taken += items.front();
        items.pop_front();
        ::pthread_mutex_unlock(&mutex);
        ::sem_post(&room);
        chance.pause();
      }
    }
  });
  CHECK(failures == 0);
  CHECK(items.empty());
  CHECK(put == taken);
  int left = 0;
  ::sem_getvalue(&room, &left);
  CHECK(left == 5);
  ::sem_destroy(&room);
}

TEST_CASE_FIXTURE(Limits, "readers never meet a writer, nor writers each other") {
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  std::atomic<int> readers = 0;
  std::atomic<int> writers = 0;
  std::atomic<int> failures = 0;
  run_everywhere([&](int self) {
    Chance chance(static_cast<unsigned>(self + 1000));
    for (int round = 0; round < kRounds; ++round) {
      const bool writes = chance.one_in(3);
      if ((writes ? ::pthread_rwlock_wrlock(&lock) : ::pthread_rwlock_rdlock(&lock)) != 0) ++failures;
      if (++(writes ? writers : readers) != 1 && writes) ++failures;
      if ((writes ? readers : writers) != 0) ++failures;
      chance.pause();
      --(writes ? writers : readers);
      if (::pthread_rwlock_unlock(&lock) != 0) ++failures;
    }
  });
  CHECK(failures == 0);
  CHECK(::pthread_rwlock_destroy(&lock) == 0);
}

TEST_CASE_FIXTURE(Limits, "once-functions run once each, however many come"
                          * doctest::skip(kOnceIsTheSanitizers)) {
  constexpr int kControls = 100;
  static pthread_once_t controls[kControls];
  static std::atomic<int> runs[kControls];
  static thread_local int current = 0;
  std::atomic<int> failures = 0;
  run_everywhere([&](int self) {
    Chance chance(static_cast<unsigned>(self + 10'000));
    for (int i = 0; i < kControls; ++i) {
      current = i;  // read by the function before it parks
      ::pthread_once(&controls[i], [] {
        const int mine = current;
        ::usleep(50);
        ++runs[mine];
      });
      if (runs[i] == 0) ++failures;
      chance.pause();
    }
  });
  CHECK(failures == 0);
  for (const auto& count : runs) CHECK(count == 1);
}
