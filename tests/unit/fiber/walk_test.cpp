#include "fiber/walk.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <functional>
#include <vector>

#include <doctest/doctest.h>

#include "base/symbolizer.hpp"
#include "base/valgrind.hpp"
#include "support/fiber_stage.hpp"
#include "support/leak_check.hpp"
#include "support/sanitized.hpp"

namespace {

#if defined(__x86_64__)
constexpr bool kWalks = true;
#else
constexpr bool kWalks = false;
#endif

using runtime::fiber::Frames;

__attribute__((noinline)) void pause_here(test::FiberStage& stage) {
  stage.pause();
  __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void pause_below(test::FiberStage& stage, int depth) {
  if (depth == 0) {
    pause_here(stage);
  } else {
    pause_below(stage, depth - 1);
  }
  __asm__ volatile("" ::: "memory");
}

std::size_t count_of(const Frames& frames, const char* function) {
  runtime::base::Symbolizer symbols;
  return static_cast<std::size_t>(std::count_if(frames.addresses, frames.addresses + frames.count, [&](std::uintptr_t address) {
    return symbols.name(address, true).function.find(function) != std::string::npos;
  }));
}

struct Pauses {
  explicit Pauses(test::FiberStage& its_stage) : stage(its_stage) {}
  ~Pauses() { pause_here(stage); }
  test::FiberStage& stage;
};

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "a stopped fiber's calls are read from outside, each time anew") {
  if (!kWalks) return;
  test::FiberStage stage;
  std::function<void()> body = [&] {
    pause_below(stage, 3);
    pause_here(stage);
  };
  auto& fiber = stage.start(body);
  CHECK(count_of(runtime::fiber::walk(fiber), "pause") == 0);  // it has not begun
  stage.resume(fiber);
  const Frames deep = runtime::fiber::walk(fiber);
  CHECK(count_of(deep, "pause_below") == 4);
  CHECK(count_of(deep, "pause_here") == 1);
  CHECK(count_of(deep, "LeakCheck") == 0);
  CHECK_FALSE(deep.is_cut);
  const Frames again = runtime::fiber::walk(fiber);
  CHECK(std::equal(deep.addresses, deep.addresses + deep.count, again.addresses, again.addresses + again.count));
  stage.resume(fiber);
  CHECK(count_of(runtime::fiber::walk(fiber), "pause_below") == 0);
  CHECK(count_of(runtime::fiber::walk(fiber), "pause_here") == 1);
  stage.resume(fiber);
}

TEST_CASE_FIXTURE(test::LeakCheck, "registers that only the stopped code knows are restored for its callers") {
  if (!kWalks) return;
  // A frame of a size that is not known when it is compiled is found through a saved register alone.
  test::FiberStage stage;
  volatile std::size_t size = 100;
  std::function<void()> body = [&] {
    auto* room = static_cast<volatile char*>(__builtin_alloca(size));
    room[0] = 1;
    pause_below(stage, 1);
    room[size - 1] = room[0];
  };
  auto& fiber = stage.start(body);
  stage.resume(fiber);
  const Frames frames = runtime::fiber::walk(fiber);
  CHECK(count_of(frames, "pause_below") == 2);
  CHECK(count_of(frames, "FiberStage::entry") == 1);
  stage.resume(fiber);
}

TEST_CASE_FIXTURE(test::LeakCheck, "walking writes nothing to the stack that is walked") {
  if (!kWalks || test::kAddressSanitizer || test::kThreadSanitizer || runtime::base::under_valgrind()) return;
  test::FiberStage stage({.size = 16 * 1024});
  std::function<void()> body = [&] { pause_here(stage); };
  auto& fiber = stage.start(body);
  stage.resume(fiber);
  const auto* low = static_cast<const std::byte*>(fiber.low);
  const std::vector<std::byte> before(low, static_cast<const std::byte*>(fiber.high));
  const std::size_t high_water = stage.pool.high_water(fiber);
  for (int i = 0; i < 100; ++i) CHECK(runtime::fiber::walk(fiber).count > 2);
  CHECK(std::equal(before.begin(), before.end(), low));
  CHECK(stage.pool.high_water(fiber) == high_water);
  stage.resume(fiber);
}

TEST_CASE_FIXTURE(test::LeakCheck, "more calls than there is room for are cut, and said to be") {
  if (!kWalks) return;
  test::FiberStage stage;
  std::function<void()> body = [&] { pause_below(stage, 200); };
  auto& fiber = stage.start(body);
  stage.resume(fiber);
  const Frames frames = runtime::fiber::walk(fiber);
  CHECK(frames.is_cut);
  CHECK(frames.count == Frames::kMost);
  stage.resume(fiber);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a fiber that stopped in a destructor during unwinding, and one inside a catch block") {
  if (!kWalks) return;
  test::FiberStage stage;
  std::function<void()> body = [&] {
    try {
      const Pauses pauses(stage);
      throw 1;
    } catch (int) {
      pause_below(stage, 0);
    }
  };
  auto& fiber = stage.start(body);
  stage.resume(fiber);
  CHECK(count_of(runtime::fiber::walk(fiber), "~Pauses") + count_of(runtime::fiber::walk(fiber), "pause_here") >= 1);
  CHECK(count_of(runtime::fiber::walk(fiber), "FiberStage::entry") == 1);
  stage.resume(fiber);
  CHECK(count_of(runtime::fiber::walk(fiber), "pause_below") == 1);
  CHECK(count_of(runtime::fiber::walk(fiber), "FiberStage::entry") == 1);
  stage.resume(fiber);
}

TEST_CASE("the caller's own calls begin with the one that asks") {
  const Frames frames = runtime::fiber::walk_here();
  CHECK(frames.count > 1);
  CHECK(count_of(frames, "main") >= 1);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a context that was saved in another way than expected is not walked") {
  if (!kWalks) return;
  test::FiberStage stage;
  std::function<void()> body = [&] { pause_here(stage); };
  auto& fiber = stage.start(body);
  stage.resume(fiber);
  REQUIRE(runtime::fiber::walk(fiber).count > 2);
  auto& return_address = static_cast<std::uintptr_t*>(fiber.context)[7];
  const std::uintptr_t ours = return_address;
  static int data = 0;  // of ours, but no code
  const auto library = reinterpret_cast<std::uintptr_t>(::dlsym(RTLD_DEFAULT, "__libc_start_main"));
  REQUIRE(library != 0);
  for (const std::uintptr_t other : {std::uintptr_t{0}, reinterpret_cast<std::uintptr_t>(&data), library,
                                     reinterpret_cast<std::uintptr_t>(fiber.context), ~std::uintptr_t{0}}) {
    return_address = other;
    CHECK(runtime::fiber::walk(fiber).count == 0);
  }
  return_address = ours;
  CHECK(runtime::fiber::walk(fiber).count > 2);
  stage.resume(fiber);
}
