#include "fan_out.hpp"

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>

#include <runtime/runtime.hpp>

namespace clients {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// How many threads this process has now. Pool threads stay for ten seconds, so none is missed by asking late.
int count_threads() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int count = 0;
    if (word == "Threads:" && status >> count) return count;
  }
  return 0;
}

// A round that may fail; the first failures are said, the rest counted.
bool try_round(const Servers& servers, const Library& library, int number, int& failures) {
  try {
    library.work(servers, number);
    return true;
  } catch (const std::exception& error) {  // not Cancelled, which is none
    if (++failures <= 5) std::fprintf(stderr, "%s %d: %s\n", library.name, number, error.what());
    return false;
  }
}

}  // namespace

bool fan_out(const Servers& servers, const std::vector<Library>& libraries, int count) {
  int failures = 0;
  double alone = 0;
  std::string names;
  for (const Library& library : libraries) {
    const auto start = Clock::now();
    if (!try_round(servers, library, 0, failures)) return false;
    alone += seconds_since(start);
    names += (names.empty() ? "" : " + ") + std::string(library.name) + " " + library.version();
  }

  const auto start = Clock::now();
  std::vector<runtime::JoinHandle<bool>> tasks;
  for (int number = 0; number < count; ++number) {
    for (const Library& library : libraries) {
      tasks.push_back(runtime::spawn_local(
          [&servers, &library, &failures, number] { return try_round(servers, library, number, failures); }));
    }
  }
  std::size_t right = 0;
  for (auto& task : tasks) right += task.join() ? 1 : 0;
  const double took = seconds_since(start);

  std::printf("%s: %zu of %zu right in %.3f s, one after the other %.3f s, threads %d, within 1 s: %s\n", names.c_str(),
              right, tasks.size(), took, alone * count, count_threads(), took <= 1 ? "yes" : "no");
  return right == tasks.size();
}

}  // namespace clients
