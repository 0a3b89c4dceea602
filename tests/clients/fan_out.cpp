#include "fan_out.hpp"

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>

#include <runtime/runtime.hpp>

namespace clients {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// How many threads this process has now. Pool threads stay for ten seconds, so none is missed by asking late, as
// long as the runtime lives. To be called outside of fibers, where reading this file would take a pool thread.
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

// What the rounds at the same time have come to.
struct Outcome {
  std::size_t right = 0;
  std::size_t count = 0;  // 0: a library fails even when it is alone
  double alone = 0;       // seconds for one round of each library, one after the other
  double took = 0;        // seconds for all, at the same time
};

// The mean time of a round while nothing else happens: of one that waits, or of some that are quick.
double time_alone(const Servers& servers, const Library& library, int& failures) {
  const auto start = Clock::now();
  int rounds = 0;
  while (rounds < 20 && failures == 0 && (rounds == 0 || seconds_since(start) < 0.3)) {
    try_round(servers, library, rounds++, failures);
  }
  return seconds_since(start) / rounds;
}

Outcome run_all(const Servers& servers, const std::vector<Library>& libraries, int count) {
  int failures = 0;
  Outcome outcome;
  for (const Library& library : libraries) outcome.alone += time_alone(servers, library, failures);
  if (failures > 0) return outcome;

  const auto start = Clock::now();
  std::vector<runtime::JoinHandle<bool>> tasks;
  for (int number = 0; number < count; ++number) {
    for (const Library& library : libraries) {
      tasks.push_back(runtime::spawn_local(
          [&servers, &library, &failures, number] { return try_round(servers, library, number, failures); }));
    }
  }
  outcome.count = tasks.size();
  for (auto& task : tasks) outcome.right += task.join() ? 1 : 0;
  outcome.took = seconds_since(start);
  return outcome;
}

}  // namespace

bool fan_out(runtime::LocalRuntime& runtime, const Servers& servers, const std::vector<Library>& libraries, int count) {
  const Outcome outcome = runtime.block_on([&] { return run_all(servers, libraries, count); });
  const int threads = count_threads();
  std::string names;
  for (const Library& library : libraries) {
    names += (names.empty() ? "" : " + ") + std::string(library.name) + " " + library.version();
  }
  std::printf("%s: %zu of %zu right in %.3f s, one after the other %.3f s, threads %d, within 1 s: %s\n", names.c_str(),
              outcome.right, outcome.count, outcome.took, outcome.alone * count, threads,
              outcome.took <= 1 ? "yes" : "no");
  return outcome.count > 0 && outcome.right == outcome.count;
}

}  // namespace clients
