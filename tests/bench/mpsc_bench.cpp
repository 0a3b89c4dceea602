// Messages from another thread to a task, through an unbounded channel, against a lock-free list and an eventfd: how
// long each takes, by the clock on the wall.

#include <poll.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <thread>
#include <vector>

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "clock.hpp"
#include "done_list.hpp"
#include "options.hpp"
#include "raw_switch.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace {

void check(std::uint64_t received, std::uint64_t total) {
  if (received == total * (total - 1) / 2) return;
  std::cerr << "messages were lost\n";
  std::exit(1);
}

double ours(const bench::Options& options, std::uint64_t total) {
  runtime::LocalRuntime rt = bench::make_runtime(options);
  return rt.block_on([total] {
    auto [sender, receiver] = runtime::sync::mpsc::unbounded_channel<std::uint64_t>();
    bench::WallStopwatch stopwatch;
    stopwatch.start();
    std::thread sending([total, sender = std::move(sender)]() mutable {
      const auto mine = std::move(sender);  // gone when the thread ends
      for (std::uint64_t i = 0; i < total; ++i) mine.send(i);
    });
    std::uint64_t sum = 0;
    while (const auto value = receiver.recv()) sum += *value;
    stopwatch.stop();
    sending.join();
    check(sum, total);
    return stopwatch.nanoseconds_per(total);
  });
}

struct Message : bench::RawJob {
  std::uint64_t value = 0;
};

double floor(std::uint64_t total) {
  bench::DoneList list(EFD_NONBLOCK | EFD_CLOEXEC);
  std::vector<Message> messages(total);  // allocated before the clock starts: the floor is to be low
  bench::WallStopwatch stopwatch;
  stopwatch.start();
  std::thread sending([&] {
    for (std::uint64_t i = 0; i < total; ++i) {
      messages[i].value = i;
      list.push(messages[i]);
    }
  });
  std::uint64_t sum = 0;
  for (std::uint64_t received = 0; received < total;) {
    pollfd news{list.fd(), POLLIN, 0};
    if (poll(&news, 1, -1) < 0) std::exit(1);
    std::uint64_t written = 0;
    if (read(list.fd(), &written, sizeof written) < 0) std::exit(1);
    for (bench::RawJob* job = list.take_all(); job != nullptr; job = job->next) {
      sum += static_cast<Message*>(job)->value;
      ++received;
    }
  }
  stopwatch.stop();
  sending.join();
  check(sum, total);
  return stopwatch.nanoseconds_per(total);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv, {{"total", "1000000"}, {"stacks", "small"}});
  const std::uint64_t total = options.count("total");
  const bench::Pair slices = bench::in_slices([&] { return ours(options, total); }, [&] { return floor(total); });
  const double nanoseconds = bench::median(slices.ours);
  bench::against_floor(nanoseconds, bench::median(slices.floor), "ns/message");
  bench::figure("rate", 1000 / nanoseconds, "M/s");
  bench::raw_jump_figure();
}
