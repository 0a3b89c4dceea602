#pragma once

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>

#include "report.hpp"

namespace bench {

/// What the kernel holds for this process at one moment.
class Memory {
 public:
  std::uint64_t resident;     // bytes, VmRSS
  std::uint64_t page_tables;  // bytes, VmPTE
  std::uint64_t mappings;     // lines of /proc/self/maps

  /// The first look takes memory for itself, which is nobody's tasks': so the first is made twice.
  static Memory now() {
    static const Memory first = look();
    static_cast<void>(first);
    return look();
  }

 private:
  static Memory look() {
    Memory memory{0, 0, 0};
    std::ifstream status("/proc/self/status");
    std::string key;
    while (status >> key) {
      if (key == "VmRSS:") {
        status >> memory.resident;
        memory.resident *= 1024;
      } else if (key == "VmPTE:") {
        status >> memory.page_tables;
        memory.page_tables *= 1024;
      }
      status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      ++memory.mappings;
    }
    if (memory.resident == 0 || memory.page_tables == 0 || memory.mappings == 0) {
      throw std::runtime_error("/proc/self does not tell VmRSS, VmPTE and the mappings");
    }
    return memory;
  }
};

/// The most that has been resident at once so far, in bytes (VmHWM).
inline std::uint64_t peak_resident() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    if (std::uint64_t kib = 0; key == "VmHWM:" && status >> kib) {
      return kib * 1024;
    }
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  throw std::runtime_error("/proc/self/status does not tell VmHWM");
}

inline void peak_figure() { figure("peak", static_cast<double>(peak_resident()) / (1024.0 * 1024.0), "MiB"); }

inline double grown(std::uint64_t before, std::uint64_t after) {
  return static_cast<double>(after) - static_cast<double>(before);
}

/// Prints what `tasks` tasks have added between the two moments, each and in all; `who` is "ours" or "peer".
inline void memory_figures(const char* who, const Memory& before, const Memory& after, std::uint64_t tasks) {
  const double n = static_cast<double>(tasks);
  const double resident = grown(before.resident, after.resident);
  const double page_tables = grown(before.page_tables, after.page_tables);
  const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
  figure("resident", resident / n, "B/task");
  figure("page_tables", page_tables / n, "B/task");
  figure(who, (resident + page_tables) / n, "B/task");
  figure("floor", page, "B/task");
  figure("ratio", (resident + page_tables) / n / page, "x");
  figure("resident_all", static_cast<double>(after.resident) / (1024.0 * 1024.0 * 1024.0), "GiB");
  figure("mappings", grown(before.mappings, after.mappings), "more");
}

}  // namespace bench
