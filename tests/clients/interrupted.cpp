// Calls that are ended in the middle: by an abort of their task, or by a timeout.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <runtime/runtime.hpp>

#include "fan_out.hpp"

namespace clients {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kBeforeTheEnd = 500ms;  // long enough for a connection, and for the call to wait in it
constexpr int kSweepRounds = 40;
constexpr auto kSweepStep = 24ms;      // so that the last are cancelled about when they end
constexpr auto kMostAfterwards = 10s;  // far below the half minute that the call would take by itself

// The errors of connecting count as the call's own: a machine that is this slow has been interrupted earlier.
std::string end_of_call(const Servers& servers, const Library& library) {
  try {
    return library.hang(servers);
  } catch (const Wrong& error) {
    return error.what();
  }
}

bool fail(const Library& library, const std::string& sentence) {
  std::fprintf(stderr, "%s: %s\n", library.name, sentence.c_str());
  return false;
}

bool is_usable(const Servers& servers, const Library& library) {
  try {
    library.work(servers, 1);
    return true;
  } catch (const std::exception& error) {
    return fail(library, std::string("not usable: ") + error.what());
  }
}

std::string one_line(std::string text) {
  for (char& letter : text) {
    if (letter == '\n') letter = ' ';
  }
  return text;
}

bool cancel(const Servers& servers, const Library& library) {
  // Where the task says how its call ended, also when the task itself ends as cancelled.
  const auto said = std::make_shared<std::optional<std::string>>();
  auto task = runtime::spawn_local([&servers, &library, said] { *said = end_of_call(servers, library); });
  runtime::sleep_for(kBeforeTheEnd);
  if (task.is_finished()) return fail(library, "the call ended before it was cancelled: " + said->value_or("?"));
  const auto start = Clock::now();
  task.abort();
  try {
    if (!task.join_for(kMostAfterwards)) return fail(library, "the cancelled call does not end");
  } catch (const runtime::JoinError&) {
    return fail(library, "the cancelled task threw Cancelled through the library's frames");
  }
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  if (!said->has_value() || (*said)->empty()) return fail(library, "the cancelled call says it succeeded");
  if (!is_usable(servers, library)) return false;
  std::printf("%s: cancelled, ended %.3f s later with \"%s\", usable afterwards\n", library.name, took,
              one_line(**said).c_str());
  return true;
}

bool time_out(const Servers& servers, const Library& library) {
  const auto start = Clock::now();
  std::string said;
  try {
    said = runtime::timeout(kBeforeTheEnd, [&] { return end_of_call(servers, library); });
    if (said.empty()) return fail(library, "the call says it succeeded in spite of its timeout");
  } catch (const runtime::Elapsed& elapsed) {
    said = elapsed.what();
  }
  const auto took = Clock::now() - start;
  if (took < kBeforeTheEnd) return fail(library, "the call ended before its timeout: " + said);
  if (took > kBeforeTheEnd + kMostAfterwards) return fail(library, "the timeout did not end the call");
  if (!is_usable(servers, library)) return false;
  std::printf("%s: timed out after %.3f s with \"%s\", usable afterwards\n", library.name,
              std::chrono::duration<double>(took).count(), one_line(said).c_str());
  return true;
}

// One round among those that are cancelled at any moment: what has become of it.
enum class End : std::uint8_t { right, failed, cancelled };

End round_to_its_end(runtime::JoinHandle<End>& task) {
  try {
    return task.join();
  } catch (const runtime::JoinError&) {  // it waited for a task of ours when it was cancelled
    return End::cancelled;
  }
}

bool sweep(const Servers& servers, const Library& library) {
  std::vector<runtime::JoinHandle<End>> rounds;
  const auto first = Clock::now();
  for (int number = 0; number < kSweepRounds; ++number) {
    rounds.push_back(runtime::spawn_local([&servers, &library, number] {
      try {
        library.work(servers, number);
        return End::right;
      } catch (const Wrong&) {
        return End::failed;
      }
    }));
  }
  for (int number = 0; number < kSweepRounds; ++number) {
    // The first half within the steps of connecting, and before any server can have answered; the others over time.
    const int later = number - kSweepRounds / 2;
    if (later < 0) {
      runtime::yield_now();
    } else {
      runtime::sleep_until(first + (later + 1) * kSweepStep);
    }
    rounds[static_cast<std::size_t>(number)].abort();
  }
  int right = 0;
  const auto start = Clock::now();
  for (auto& round : rounds) right += round_to_its_end(round) == End::right ? 1 : 0;
  if (Clock::now() - start > kMostAfterwards) return fail(library, "rounds that are cancelled take too long to end");
  if (right == kSweepRounds) return fail(library, "all rounds were faster than their cancellation");
  if (!is_usable(servers, library)) return false;
  std::printf("%s: %d rounds cancelled at any moment, %d had been faster, usable afterwards\n", library.name,
              kSweepRounds, right);
  return true;
}

using Interrupt = bool (*)(const Servers& servers, const Library& library);

// In a task for each library; whether all were successful.
bool each_at_once(const Servers& servers, const std::vector<Library>& libraries, Interrupt call) {
  std::vector<runtime::JoinHandle<bool>> tasks;
  for (const Library& library : libraries) {
    tasks.push_back(runtime::spawn_local([&] { return call(servers, library); }));
  }
  bool all = true;
  for (auto& task : tasks) all = task.join() && all;
  return all;
}

// What is open in this process. To be called outside of fibers, where reading a directory takes no pool thread.
std::ptrdiff_t count_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

// A call that was ended closes what it had opened, and tasks that it had started (redis_work.cpp) end by themselves.
bool nothing_is_left(runtime::LocalRuntime& runtime, std::ptrdiff_t descriptors_before) {
  const auto deadline = Clock::now() + kMostAfterwards;
  for (;;) {
    const auto tasks = runtime.metrics().num_alive_tasks();
    const auto descriptors = count_descriptors();
    if (tasks == 0 && descriptors <= descriptors_before) return true;
    if (Clock::now() > deadline) {
      std::fprintf(stderr, "%zu tasks are left, and %td descriptors are open instead of %td\n",
                   static_cast<std::size_t>(tasks), descriptors, descriptors_before);
      return false;
    }
    runtime.block_on([] { runtime::sleep_for(10ms); });
  }
}

bool each_in_a_task(runtime::LocalRuntime& runtime, const Servers& servers, const std::vector<Library>& libraries,
                    Interrupt interrupt) {
  const auto in_tasks = [&](Interrupt call) {
    return runtime.block_on([&] { return each_at_once(servers, libraries, call); });
  };
  if (!in_tasks(is_usable)) return false;  // and has opened what it keeps
  const auto descriptors = count_descriptors();
  return in_tasks(interrupt) && nothing_is_left(runtime, descriptors);
}

}  // namespace

bool cancel_in_the_middle(runtime::LocalRuntime& runtime, const Servers& servers,
                          const std::vector<Library>& libraries) {
  return each_in_a_task(runtime, servers, libraries, cancel);
}

bool time_out_in_the_middle(runtime::LocalRuntime& runtime, const Servers& servers,
                            const std::vector<Library>& libraries) {
  return each_in_a_task(runtime, servers, libraries, time_out);
}

bool cancel_at_any_moment(runtime::LocalRuntime& runtime, const Servers& servers,
                          const std::vector<Library>& libraries) {
  return each_in_a_task(runtime, servers, libraries, sweep);
}

}  // namespace clients
