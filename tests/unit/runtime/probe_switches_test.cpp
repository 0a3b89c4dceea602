#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <runtime/runtime.hpp>

#include "base/thread_probe.hpp"
#include "base/valgrind.hpp"
#include "support/leak_check.hpp"

// Whatever instruction of a switch, a first resume or an end the signal comes at, the stack can be looked at, and all
// goes on as if nobody had looked.
TEST_CASE_FIXTURE(test::LeakCheck, "a thread that does nothing but switch fibers may be looked at, at any moment") {
  runtime::base::ThreadProbe::prepare();
  std::atomic<bool> over{false};
  std::atomic<long> notes{0}, looks{0}, frames{0};
  const pid_t owner = ::gettid();
  const long wanted = runtime::base::under_valgrind() ? 15 : 150;  // it takes a stack apart a thousand times slower
  runtime::LocalRuntime rt;
  std::thread looker([&] {
    while (looks < wanted) {
      runtime::base::ThreadProbe probe;
      const bool answered = probe.take(
          owner, [](void* counter) noexcept { ++*static_cast<std::atomic<long>*>(counter); }, &notes, 20'000'000'000);
      if (!answered) break;
      ++looks;
      frames += static_cast<long>(probe.count);
    }
    over = true;
  });
  long rounds = 0;
  rt.block_on([&] {
    std::array<long, 3> turns{};
    std::vector<runtime::JoinHandle<void>> tasks;
    for (std::size_t i = 0; i < turns.size(); ++i) {
      tasks.push_back(runtime::spawn_local([&turns, &over, i] {
        volatile long own = 0;  // on the fiber's stack: nobody may have written there
        while (!over) {
          own = own + 1;
          ++turns[i];
          runtime::yield_now();
        }
        CHECK(own == turns[i]);
      }));
    }
    while (!over) rounds += runtime::spawn_local([] { return 1; }).join();
    for (auto& task : tasks) task.join();
  });
  looker.join();
  CHECK(looks == wanted);
  CHECK(notes == wanted);
  CHECK(frames >= wanted);
  CHECK(rounds > 0);
}
