#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>

#include "echo_load.hpp"

namespace bench::growth {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

/// What the kernel could still give to programs without swapping.
inline double available_bytes() {
  std::ifstream meminfo("/proc/meminfo");
  double kibibytes = 0;
  for (std::string key; meminfo >> key;) {
    if (key == "MemAvailable:" && meminfo >> kibibytes) {
      return kibibytes * 1024.0;
    }
    meminfo.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  throw std::runtime_error("/proc/meminfo does not tell MemAvailable");
}

/// What one task needs, generously: its page, its page table entries, its cell and what it waits on; a connection has
/// two sockets in the kernel, of this process and of the clients; a dump keeps a task's frames.
inline double bytes_each(const std::string& work) {
  return work == "connection" ? 16'384 : work == "dump" ? 5'632 : 5'120;
}

/// Whether there is room for so many; says on stderr what is missing. Without it the kernel would end this program or
/// another.
inline bool is_room(const std::string& work, std::uint64_t count, std::uint64_t mebibytes) {
  const double needed = bytes_each(work) * static_cast<double>(count) / kGiB;
  const double allowed = std::min(available_bytes() / kGiB, static_cast<double>(mebibytes) / 1024.0);
  if (needed > allowed) {
    std::fprintf(stderr, "needs about %.1f GiB of memory, may use %.1f\n", needed, allowed);
    return false;
  }
  if (work == "connection" && !allow_connections(count)) {
    std::fprintf(stderr, "%llu connections need as many descriptors, which are not allowed (ulimit -Hn, fs.nr_open)\n",
                 static_cast<unsigned long long>(count));
    return false;
  }
  return true;
}

}  // namespace bench::growth
