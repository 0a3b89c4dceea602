// A stranger's program: it uses what crosses the library's border, so that a wrong link, a lost type or a header that
// was not installed shows here. Exits 0 when everything came back as it should.

#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <runtime/runtime.hpp>

namespace {

int failures = 0;

void expect(bool condition, const char* what) {
  std::printf("%s: %s\n", condition ? "ok" : "WRONG", what);
  if (!condition) ++failures;
}

void tasks_and_results() {
  auto text = std::make_unique<std::string>("moved in");
  auto task = runtime::spawn_local([text = std::move(text)]() mutable {
    runtime::yield_now();
    return std::move(text);
  });
  expect(*task.join() == "moved in", "a move-only result comes out of a task");

  auto offloaded = runtime::offload([] { return std::string("from a pool thread"); });
  expect(offloaded == "from a pool thread", "a result comes back from the pool");
}

void exceptions_cross_the_border() {
  auto failing = runtime::spawn_local([]() -> int { throw std::runtime_error("thrown in a task"); });
  try {
    failing.join();
    expect(false, "an exception leaves a task");
  } catch (const std::runtime_error& error) {
    expect(std::string(error.what()) == "thrown in a task", "an exception leaves a task");
  }

  auto sleeper = runtime::spawn_local([] { runtime::sleep_for(std::chrono::hours(1)); });
  runtime::yield_now();
  sleeper.abort();
  try {
    sleeper.join();
    expect(false, "an aborted task throws JoinError");
  } catch (const runtime::JoinError& error) {
    expect(error.code() == runtime::Errc::cancelled, "an aborted task throws JoinError");
  }
}

}  // namespace

int main() {
  try {
    runtime::spawn_local([] {});
    expect(false, "outside a runtime: Errc::no_runtime");
  } catch (const runtime::Error& error) {
    expect(error.code() == runtime::Errc::no_runtime, "outside a runtime: Errc::no_runtime");
  }

  runtime::LocalRuntime rt;
  rt.block_on([] {
    tasks_and_results();
    exceptions_cross_the_border();
  });
  return failures == 0 ? 0 : 1;
}
