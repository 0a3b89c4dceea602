#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

namespace test {

/// A thread that calls f, and of which others can see when it has fallen asleep in the call that the test is about.
///
/// Thread safety: any thread may ask, one may join().
class SleepingThread {
 public:
  template <class F>
  explicit SleepingThread(F f)
      : thread_([this, f = std::move(f)]() mutable {
          id_ = ::gettid();
          f();
        }) {}
  SleepingThread(const SleepingThread&) = delete;
  SleepingThread& operator=(const SleepingThread&) = delete;

  /// In a system call that waits for the kernel, such as poll().
  bool is_asleep() const {
    const long number = system_call();
    return number >= 0 && number != SYS_futex;
  }
  /// In one that waits for another thread.
  bool is_asleep_in_a_lock() const { return system_call() == SYS_futex; }

  void join() { thread_.join(); }

 private:
  // The one it sleeps in; -1: none, for the file says "running".
  long system_call() const {
    std::ifstream file("/proc/self/task/" + std::to_string(id_) + "/syscall");
    long number;
    return file >> number ? number : -1;
  }

  std::atomic<pid_t> id_{0};
  std::thread thread_;  // last: it uses the id
};

}  // namespace test
