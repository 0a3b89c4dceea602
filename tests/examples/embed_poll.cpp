// embed_poll: a runtime inside a loop of the program's own, written by hand around poll().

#include <poll.h>

#include <cerrno>
#include <chrono>
#include <exception>
#include <iostream>

#include "embed_work.hpp"
#include "throw_errno.hpp"

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPeriod(20);

}  // namespace

int main() try {
  runtime::LocalRuntime rt;
  examples::EmbedWork work(rt);
  int own_ticks = 0;
  auto next_tick = Clock::now() + kPeriod;

  pollfd fds[] = {{rt.poll_fd(), POLLIN, 0}};  // and whatever else the program waits for
  while (!work.is_done()) {
    // Only the program's own timer is counted here: the descriptor tells of the tasks' timers, too.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_tick - Clock::now());
    const int limit = left.count() > 0 ? static_cast<int>(left.count()) : 0;
    const int ready = ::poll(fds, 1, limit);
    if (ready < 0 && errno != EINTR) examples::throw_errno("poll");
    if (ready > 0) work.run_ready();
    if (Clock::now() >= next_tick) {
      ++own_ticks;
      next_tick += kPeriod;
    }
  }
  work.report("poll", own_ticks);
} catch (const std::exception& error) {
  std::cerr << "embed_poll: " << error.what() << "\n";
  return 1;
}
