// What the preload library costs a call: outside fibers, where it passes straight through, and on a fiber.
//
// The floor is the same function of the C library, found past ours. `outside` is a function that does nothing but return
// an address, so that the difference is all ours; `fiber` sends a byte to a socket and receives it.

#include <dlfcn.h>
#include <netdb.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <runtime/runtime.hpp>

#include "bench_runtime.hpp"
#include "clock.hpp"
#include "options.hpp"
#include "raw_switch.hpp"
#include "report.hpp"
#include "slices.hpp"

namespace {

template <class Function>
Function* original(const char* name) {
  static void* const libc = ::dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  void* const function = libc != nullptr ? ::dlsym(libc, name) : nullptr;
  if (function == nullptr) {
    std::fprintf(stderr, "preload_bench: no %s() in libc.so.6\n", name);
    std::exit(1);
  }
  return reinterpret_cast<Function*>(function);
}

template <class Step>
double nanoseconds_per(std::uint64_t total, Step step) {
  bench::CpuStopwatch stopwatch;
  stopwatch.start();
  for (std::uint64_t i = 0; i < total; ++i) step();
  stopwatch.stop();
  return stopwatch.nanoseconds_per(total);
}

using Location = int*();
using Send = ssize_t(int, const void*, size_t, int);
using Recv = ssize_t(int, void*, size_t, int);

[[gnu::noinline]] double locate(std::uint64_t total, Location* location) {
  return nanoseconds_per(total, [=] { *location() = 1; });
}

[[gnu::noinline]] double exchange(std::uint64_t total, const int (&ends)[2], Send* send, Recv* recv) {
  char byte = 'x';
  return nanoseconds_per(total, [&] {
    if (send(ends[0], &byte, 1, 0) != 1 || recv(ends[1], &byte, 1, 0) != 1) std::abort();
  });
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv, {{"total", "400000"}, {"work", "outside"}, {"stacks", "small"}});
  const std::uint64_t total = options.count("total");
  const bool is_outside = options.choice("work", {"outside", "fiber"}) == "outside";
  auto* const original_location = original<Location>("__h_errno_location");
  auto* const original_send = original<Send>("send");
  auto* const original_recv = original<Recv>("recv");
  if (original_location == &__h_errno_location) {
    std::fprintf(stderr, "preload_bench: the preload library is not in front of the C library\n");
    return 1;
  }
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    std::perror("preload_bench: socketpair");
    return 1;
  }
  runtime::LocalRuntime rt = bench::make_runtime(options);
  const bench::Pair slices = bench::in_slices(
      [&] {
        if (is_outside) return locate(total, &__h_errno_location);
        return rt.block_on([&] {
          return runtime::spawn_local([&] { return exchange(total, ends, &::send, &::recv); }).join();
        });
      },
      [&] {
        return is_outside ? locate(total, original_location) : exchange(total, ends, original_send, original_recv);
      });
  const double ours = bench::least(slices.ours), floor = bench::least(slices.floor);
  bench::against_floor(ours, floor, is_outside ? "ns/call" : "ns/pair");
  bench::figure("more", ours - floor, "ns");
  bench::raw_jump_figure();
}
