#include "measured_child.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "throw_errno.hpp"

namespace examples {

namespace {

struct ProcessStatus {
  std::size_t threads = 0;
  std::size_t peak_kib = 0;
};

// What the child writes into the pipe, at once: less than PIPE_BUF, so it arrives whole or not at all.
struct ChildReport {
  WorkReport work;
  ProcessStatus at_end;
};

// All zero for a process that has ended.
ProcessStatus status_of(const std::string& pid) {
  ProcessStatus status;
  std::ifstream lines("/proc/" + pid + "/status");
  for (std::string word; lines >> word;) {
    if (word == "Threads:") lines >> status.threads;
    if (word == "VmHWM:") lines >> status.peak_kib;
  }
  return status;
}

[[noreturn]] void be_the_child(const std::function<WorkReport()>& work, int report_to) {
  try {
    ChildReport report;
    report.work = work();
    report.at_end = status_of("self");
    if (::write(report_to, &report, sizeof report) != static_cast<ssize_t>(sizeof report)) throw_errno("write");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "demo: %s\n", error.what());
    std::exit(1);
  }
  std::exit(0);
}

std::string ending_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw_errno("waitpid");
  }
  if (WIFSIGNALED(status)) return "was ended by signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return "failed with exit status " + std::to_string(WEXITSTATUS(status));
  return "";
}

// Waits for the report; meanwhile counts the child's threads. Returns the most that were seen.
std::size_t watch(pid_t child, int report_from) {
  constexpr int kEveryMilliseconds = 2;
  std::size_t most_threads = 0;
  for (;;) {
    pollfd ready{report_from, POLLIN, 0};
    const int events = ::poll(&ready, 1, kEveryMilliseconds);
    if (events > 0) return most_threads;
    if (events < 0 && errno != EINTR) throw_errno("poll");
    most_threads = std::max(most_threads, status_of(std::to_string(child)).threads);
  }
}

}  // namespace

MeasuredWork measure_in_child(const std::function<WorkReport()>& work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("pipe2");
  std::fflush(nullptr);  // or the child would print the buffered text once more
  const pid_t child = ::fork();
  if (child < 0) throw_errno("fork");
  if (child == 0) {
    ::close(ends[0]);
    be_the_child(work, ends[1]);
  }
  ::close(ends[1]);
  const std::size_t most_threads = watch(child, ends[0]);
  ChildReport report;
  const ssize_t received = ::read(ends[0], &report, sizeof report);
  ::close(ends[0]);
  const std::string ending = ending_of(child);
  if (!ending.empty()) throw std::runtime_error("the process that was measured " + ending);
  if (received != static_cast<ssize_t>(sizeof report)) throw std::runtime_error("the measured process said nothing");
  return {report.work, std::max(most_threads, report.at_end.threads), report.at_end.peak_kib * 1024};
}

}  // namespace examples
