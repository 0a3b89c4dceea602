#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace examples {

/// What a piece of work says of itself. Plain bytes, because it crosses a pipe.
struct WorkReport {
  double seconds = 0;
  std::uint32_t failed = 0;
  char first_failure[240] = {};  // a sentence, empty if nothing failed
};

/// A piece of work, and the peaks of the process that did it.
struct MeasuredWork {
  WorkReport report;
  std::size_t threads = 0;       // Threads of /proc/PID/status, looked at every 2 ms and at the end
  std::size_t memory_bytes = 0;  // VmHWM of /proc/PID/status at the end
};

/// Does the work in a child process of its own, so that its peaks are its own, and watches that process.
///
/// Call it while the process has one thread: only that one is in the child.
/// Throws: std::system_error; std::runtime_error if the child ends without a report.
MeasuredWork measure_in_child(const std::function<WorkReport()>& work);

}  // namespace examples
