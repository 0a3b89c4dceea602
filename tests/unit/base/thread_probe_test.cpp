#include "base/thread_probe.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"

using runtime::base::ThreadProbe;

namespace {

constexpr runtime::base::Nanos kSecond = 1'000'000'000;

__attribute__((noinline)) void spin(std::atomic<bool>& over) {
  while (!over.load(std::memory_order_relaxed)) std::this_thread::yield();
  __asm__ volatile("");
}

void count(void* counter) noexcept { ++*static_cast<std::atomic<int>*>(counter); }

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "a thread tells where it is, as often as it is asked") {
  ThreadProbe::prepare();
  std::atomic<bool> over{false};
  std::atomic<pid_t> id{0};
  std::thread thread([&] {
    id = ::gettid();
    spin(over);
  });
  while (id == 0) std::this_thread::yield();
  std::atomic<int> notes{0};
  const auto start = reinterpret_cast<std::uintptr_t>(&spin);
  for (int round = 1; round <= 20; ++round) {
    ThreadProbe probe;
    CHECK(probe.take(id, &count, &notes, 20 * kSecond));
    CHECK(notes == round);
    CHECK(probe.count > 0);
    const auto end = probe.frames.begin() + static_cast<std::ptrdiff_t>(probe.count);
    // Somewhere in it: in spin(), or in what that calls. At the very beginning it may not be there yet.
    if (round > 1) {
      CHECK(std::any_of(probe.frames.begin(), end, [&](std::uintptr_t frame) { return frame > start && frame < start + 256; }));
    }
  }
  over = true;
  thread.join();
}

TEST_CASE("who is no thread of ours does not answer, and nothing is left of the question") {
  ThreadProbe::prepare();
  pid_t gone = 0;
  std::thread([&] { gone = ::gettid(); }).join();
  std::atomic<int> notes{0};
  ThreadProbe probe;
  CHECK_FALSE(probe.take(gone, &count, &notes, kSecond));
  CHECK_FALSE(probe.take(1, &count, &notes, kSecond));  // another process
  CHECK(notes == 0);
}
