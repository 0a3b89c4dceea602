#pragma once

// What the black-box tests share: a limit for everything that waits, a runtime that is checked for what it leaves
// behind, and short words for what was thrown.

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <doctest/doctest.h>

#include <runtime/posix.h>
#include <runtime/runtime.hpp>

namespace api_test {

using namespace std::chrono_literals;
using runtime::Builder;
using runtime::Cancelled;
using runtime::Errc;
using runtime::Error;
using runtime::Handle;
using runtime::JoinError;
using runtime::JoinHandle;
using runtime::LocalRuntime;

inline std::size_t count_entries(const char* folder) {
  DIR* directory = ::opendir(folder);
  std::size_t count = 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

/// Looks again until the answer is yes; false after ten seconds. On a fiber the others go on meanwhile.
template <class Predicate>
bool eventually(Predicate is_true) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!is_true()) {
    if (std::chrono::steady_clock::now() > end) return false;
    runtime::sleep_for(100us);
  }
  return true;
}

/// Ends the program when a test has waited for too long, and ends each test with as many descriptors and threads as it
/// began with.
class Limits {
 public:
  Limits() {
    // ThreadSanitizer starts a thread of its own beside the first one of the program.
    static const bool has_had_a_thread = (std::thread([] {}).join(), true);
    static_cast<void>(has_had_a_thread);
    fds_ = count_entries("/proc/self/fd");
    threads_ = count_entries("/proc/self/task");
    struct sigaction on_alarm {};
    on_alarm.sa_handler = [](int) {
      static const char text[] = "a wait in this test never ended\n";
      if (::write(STDERR_FILENO, text, sizeof text - 1) < 0) std::_Exit(98);
      std::_Exit(99);
    };
    ::sigaction(SIGALRM, &on_alarm, nullptr);
    ::alarm(40);
  }
  Limits(const Limits&) = delete;
  Limits& operator=(const Limits&) = delete;
  ~Limits() {
    CHECK(count_entries("/proc/self/fd") == fds_);
    // A thread that has done its work is in the kernel's list a little longer.
    CHECK(eventually([this] { return count_entries("/proc/self/task") <= threads_; }));
    ::alarm(0);
  }

 private:
  std::size_t fds_ = 0;
  std::size_t threads_ = 0;
};

inline void check_nothing_left(const Handle& handle) {
  const runtime::RuntimeMetrics metrics = handle.metrics();
  CHECK(handle.is_shut_down());
  CHECK(metrics.num_alive_tasks() == 0);
  CHECK(metrics.stacks_in_use() == 0);
  CHECK(metrics.stacks_pooled() == 0);
  CHECK(metrics.local_queue_depth() == 0);
  CHECK(metrics.global_queue_depth() == 0);
  CHECK(metrics.blocking_queue_depth() == 0);
  CHECK(metrics.num_blocking_threads() == 0);
}

/// A runtime for one test, destroyed at its end, which must leave no task, stack, descriptor or thread.
class Checked {
 public:
  explicit Checked(Builder builder = Builder()) : rt(builder.build_local()) {}
  ~Checked() {
    const Handle handle = rt.handle();
    { const LocalRuntime gone(std::move(rt)); }
    check_nothing_left(handle);
  }

 private:
  Limits limits_;  // outlives the runtime

 public:
  LocalRuntime rt;
};

/// The code of the Error that f throws; nullopt if it throws none.
template <class F>
std::optional<Errc> code_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    CHECK(std::string(error.what()).size() > 20);  // a sentence, not a word
    return error.code();
  }
  return std::nullopt;
}

/// The errno inside the std::system_error that f throws; 0 if it throws none.
template <class F>
int os_error_of(F&& f) {
  try {
    f();
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

/// Lets the other tasks go as far as they can without news from outside.
inline void settle() {
  for (int i = 0; i < 4; ++i) runtime::yield_now();
}

/// A wait that only cancellation ends.
inline void wait_for_ever() { runtime::sleep_for(std::chrono::hours(24)); }

/// Runs its function when it goes.
template <class F>
class [[nodiscard]] AtExit {
 public:
  explicit AtExit(F f) : f_(std::move(f)) {}
  AtExit(const AtExit&) = delete;
  AtExit& operator=(const AtExit&) = delete;
  ~AtExit() { f_(); }

 private:
  F f_;
};

/// The same as a capture: it can be moved, and acts once.
template <class F>
class Farewell {
 public:
  explicit Farewell(F f) : f_(std::move(f)) {}
  Farewell(Farewell&& other) noexcept : f_(std::move(other.f_)) { other.f_.reset(); }
  Farewell& operator=(Farewell&&) = delete;
  ~Farewell() {
    if (f_) (*f_)();
  }

 private:
  std::optional<F> f_;
};

/// While it lives, what is written to stderr goes into a file, to be read with text().
class CapturedStderr {
 public:
  CapturedStderr() : saved_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)), file_(std::tmpfile()) {
    ::dup2(::fileno(file_), STDERR_FILENO);
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;
  ~CapturedStderr() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    std::fclose(file_);
  }

  std::string text() const {
    std::string all(static_cast<std::size_t>(::lseek(::fileno(file_), 0, SEEK_END)), '\0');
    const ssize_t n = ::pread(::fileno(file_), all.data(), all.size(), 0);
    all.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return all;
  }

 private:
  int saved_;
  std::FILE* file_;
};

inline std::size_t occurrences(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

}  // namespace api_test
