#pragma once

// What the tests of locks under the preload library share: mutexes of all kinds, and other fibers that show that the thread
// was not blocked.

#include <pthread.h>
#include <time.h>

#include <cerrno>
#include <functional>

#include "api/support.hpp"
#include "support/sanitized.hpp"

namespace preload_test {

using namespace api_test;

/// ThreadSanitizer has a pthread_once() and guards of statics of its own, which never ask those behind them.
inline constexpr bool kOnceIsTheSanitizers = test::kThreadSanitizer;

/// A pthread mutex of a kind.
class Mutex {
 public:
  explicit Mutex(int kind) {
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_settype(&attributes, kind);
    ::pthread_mutex_init(&mutex_, &attributes);
    ::pthread_mutexattr_destroy(&attributes);
  }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  ~Mutex() { CHECK(::pthread_mutex_destroy(&mutex_) == 0); }

  operator pthread_mutex_t*() { return &mutex_; }  // NOLINT: what the calls take
  int lock() { return ::pthread_mutex_lock(&mutex_); }
  int unlock() { return ::pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};

/// Runs f as the root of a runtime. Ends the program if it has not come back in time (Limits).
inline void on_root(std::function<void()> f) {
  LocalRuntime runtime;
  runtime.block_on(std::move(f));
}

inline timespec in_time(clockid_t clock, std::chrono::nanoseconds duration) {
  timespec now;
  ::clock_gettime(clock, &now);
  const long long nanos = now.tv_nsec + duration.count();
  return {now.tv_sec + static_cast<time_t>(nanos / 1'000'000'000), static_cast<long>(nanos % 1'000'000'000)};
}

/// A fiber that counts while others wait: so the thread goes on.
class Ticker {
 public:
  Ticker()
      : fiber_(runtime::spawn_local([this] {
          while (!has_ended_) {
            ++ticks_;
            runtime::sleep_for(1ms);
          }
        })) {}
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;
  ~Ticker() {
    has_ended_ = true;
    fiber_.join();
  }
  int ticks() const { return ticks_; }

 private:
  int ticks_ = 0;
  bool has_ended_ = false;
  JoinHandle<void> fiber_;
};

}  // namespace preload_test
