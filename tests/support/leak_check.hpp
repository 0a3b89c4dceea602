#pragma once

#include <dirent.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include <runtime/metrics.hpp>

#include "support/eventually.hpp"
#include "support/sanitized.hpp"

namespace test {

inline std::size_t count_entries(const char* folder) {
  DIR* entries = ::opendir(folder);
  REQUIRE(entries != nullptr);
  std::size_t count = 0;
  while (::readdir(entries) != nullptr) ++count;
  ::closedir(entries);
  return count;
}

/// Descriptors and threads of this process. (The folder's own descriptor and its two dots count each time alike.)
inline std::size_t count_fds() { return count_entries("/proc/self/fd"); }
inline std::size_t count_threads() {
  // ThreadSanitizer adds a thread of its own when the program starts its first one: let that be before we count.
  if (kThreadSanitizer) {
    static const bool started = (std::thread([] {}).join(), true);
    static_cast<void>(started);
  }
  return count_entries("/proc/self/task");
}

/// Mappings that hold fiber stacks, by the name the pool gives them; 0 on a kernel that keeps no names.
inline std::size_t count_stack_mappings() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find("runtime fiber stacks") != std::string::npos;
  return count;
}

/// A fixture: what a test has opened, started and mapped is gone at its end, and no wait in it lasts for ever.
///
/// A thread that has been joined, or that the pool no longer counts, may still be on its way out of the kernel, so the
/// counts have a few seconds to come right.
class LeakCheck {
 public:
  LeakCheck() : fds_(count_fds()), threads_(count_threads()), stacks_(count_stack_mappings()) {
    struct sigaction on_alarm {};
    on_alarm.sa_handler = [](int) {
      static const char text[] = "a wait in this test never ended\n";
      std::_Exit(::write(STDERR_FILENO, text, sizeof text - 1) > 0 ? 99 : 98);
    };
    ::sigaction(SIGALRM, &on_alarm, nullptr);
    ::alarm(100);
  }
  LeakCheck(const LeakCheck&) = delete;
  LeakCheck& operator=(const LeakCheck&) = delete;
  ~LeakCheck() {
    CHECK(eventually([this] { return count_threads() <= threads_; }));
    CHECK(count_fds() == fds_);
    CHECK(count_stack_mappings() == stacks_);
    ::alarm(0);
  }

 private:
  std::size_t fds_, threads_, stacks_;
};

/// Nothing is left in a runtime whose tasks have all been joined. (The inject queue may still hold a wake that came too
/// late: the waiter had seen by himself what it was to tell. It falls away in the next block_on, or in the shutdown.)
inline void check_quiet(const runtime::RuntimeMetrics& metrics) {
  CHECK(metrics.num_alive_tasks() == 0);
  CHECK(metrics.stacks_in_use() == 0);
  CHECK(metrics.local_queue_depth() == 0);
  CHECK(metrics.blocking_queue_depth() == 0);
}

}  // namespace test
