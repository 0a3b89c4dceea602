#include "fiber/switch.hpp"

#include <cerrno>
#include <cfenv>
#include <vector>

#include <doctest/doctest.h>

#include "support/fiber_stage.hpp"
#include "support/leak_check.hpp"

TEST_CASE_FIXTURE(test::LeakCheck, "fibers go on where they stopped, in whatever order they are resumed") {
  test::FiberStage stage;
  std::vector<int> order;
  std::function<void()> bodies[3];
  test::FiberStage::Fiber* fibers[3];
  for (int i = 0; i < 3; ++i) {
    bodies[i] = [&order, &stage, i] {
      for (int step = 0; step < 2; ++step) {
        order.push_back(i * 10 + step);
        stage.pause();
      }
    };
    fibers[i] = &stage.start(bodies[i]);
  }
  for (const int i : {0, 1, 2, 2, 0, 1}) stage.resume(*fibers[i]);
  CHECK(order == std::vector{0, 10, 20, 21, 1, 11});
  CHECK(stage.pool.in_use() == 3);
  for (auto* fiber : fibers) stage.resume(*fiber);
  CHECK(stage.pool.in_use() == 0);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a stack is used again by the next fiber without being set up anew") {
  test::FiberStage stage;
  const void* first = nullptr;
  for (int i = 0; i < 1000; ++i) {
    stage.run([&] {
      if (first == nullptr) first = &stage.running();
      if (first != &stage.running()) FAIL_CHECK("another stack");
    });
  }
  CHECK(stage.pool.warm_count() == 1);
}

TEST_CASE_FIXTURE(test::LeakCheck, "each fiber has its own errno, and a new one begins with 0") {
  test::FiberStage stage;
  int in_first = -1, in_second = -1, at_start = -1;
  std::function<void()> first_body = [&] {
    at_start = errno;
    errno = EDOM;
    stage.pause();
    in_first = errno;
  };
  std::function<void()> second_body = [&] {
    errno = ERANGE;
    stage.pause();
    in_second = errno;
  };
  auto& first = stage.start(first_body);
  auto& second = stage.start(second_body);
  errno = EPERM;
  stage.resume(first);
  CHECK(errno == EPERM);
  stage.resume(second);
  stage.resume(first);
  stage.resume(second);
  CHECK(errno == EPERM);
  CHECK(at_start == 0);
  CHECK(in_first == EDOM);
  CHECK(in_second == ERANGE);
}

TEST_CASE_FIXTURE(test::LeakCheck, "each fiber keeps its own rounding mode") {
  test::FiberStage stage;
  int in_first = -1, in_second = -1;
  std::function<void()> first_body = [&] {
    std::fesetround(FE_UPWARD);
    stage.pause();
    in_first = std::fegetround();
  };
  std::function<void()> second_body = [&] {
    std::fesetround(FE_TOWARDZERO);
    stage.pause();
    in_second = std::fegetround();
  };
  auto& first = stage.start(first_body);
  auto& second = stage.start(second_body);
  stage.resume(first);
  CHECK(std::fegetround() == FE_TONEAREST);
  stage.resume(second);
  stage.resume(first);
  stage.resume(second);
  CHECK(std::fegetround() == FE_TONEAREST);
  CHECK(in_first == FE_UPWARD);
  CHECK(in_second == FE_TOWARDZERO);
}

TEST_CASE_FIXTURE(test::LeakCheck, "the runtime that a fiber has entered travels with it") {
  test::FiberStage stage;
  int outside = 0, inside = 0;
  stage.entered = &outside;
  void* after_pause = nullptr;
  std::function<void()> body = [&] {
    CHECK(stage.entered == nullptr);
    stage.entered = &inside;
    stage.pause();
    after_pause = stage.entered;
  };
  auto& fiber = stage.start(body);
  stage.resume(fiber);
  CHECK(stage.entered == &outside);
  stage.resume(fiber);
  CHECK(after_pause == &inside);
  CHECK(stage.entered == &outside);
}
