// For dump_json_test.py: prints the dump of a runtime in which every kind of member occurs.

#include <sys/socket.h>

#include <array>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <runtime/posix.h>
#include <runtime/runtime.hpp>

#include "dump_support.hpp"

namespace {

using namespace std::chrono_literals;
using runtime::Handle;

RUNTIME_TEST_NOINLINE void sleep_in_a_static_function() {
  runtime::sleep_for(1h);
  api_test::keep_frame();
}

RUNTIME_TEST_NOINLINE void recurse(int depth) {
  depth == 0 ? sleep_in_a_static_function() : recurse(depth - 1);
  api_test::keep_frame();
}

template <class F>
auto spawn_named(const char* name, F f) {
  return runtime::TaskBuilder().name(name).spawn_local(std::move(f));
}

void settle() {
  for (int i = 0; i < 4; ++i) runtime::yield_now();
}

}  // namespace

int main() {
  auto rt = runtime::Builder().name("quoted \"\\\x01 and \xff").build_local();
  const std::string outside = rt.handle().dump().to_json();
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return 1;
  std::string json;
  rt.block_on([&] {
    char byte;
    spawn_named("sleeper", [] { sleep_in_a_static_function(); });
    spawn_named("reader", [&] { return runtime_read(pair[0], &byte, 1); });
    std::vector<runtime::JoinHandle<void>> ring;
    for (std::size_t i = 0; i < 2; ++i) ring.push_back(runtime::spawn_local([&, i] { ring[1 - i].join(); }));
    spawn_named("chooser", [&] {
      runtime::select([] { sleep_in_a_static_function(); }, [&] { return runtime_read(pair[1], &byte, 1); });
    });
    spawn_named("deep", [] { recurse(100); });
    const auto stubborn = spawn_named("stubborn", [] { runtime::shield([] { runtime::sleep_for(200ms); }); }).abort_handle();
    spawn_named("tab\there, caf\xc3\xa9, \xf0\x9f\xa6\x80, broken \xc3( \xed\xa0\x80 \xf5", [] { sleep_in_a_static_function(); });
    spawn_named("yielder", [] {
      for (;;) runtime::yield_now();
    });
    settle();
    stubborn.abort();
    const auto asking = [&] {
      spawn_named("fresh", [] {});
      json = Handle::current().dump().to_json();
    };
    spawn_named("asking", asking).join();
    for (auto& task : ring) task.abort();
    settle();
  });
  rt.shutdown_timeout(10s);
  std::cout << "[" << outside << "," << json << "," << rt.handle().dump().to_json() << "]\n";
}
