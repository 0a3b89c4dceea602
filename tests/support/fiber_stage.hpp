#pragma once

#include <functional>

#include "fiber/stack_pool.hpp"
#include "fiber/switch.hpp"

namespace test {

/// Fibers without a scheduler: the test resumes each by hand, and each gives way by hand.
class FiberStage {
 public:
  using Fiber = runtime::fiber::Fiber;

  explicit FiberStage(const runtime::fiber::StackOptions& options = {})
      : pool(options, &entry), words_(runtime::fiber::ThreadWords::of_this_thread(&entered)) {}

  /// Takes a stack for the body, which begins at the first resume. The body has to last as long as its fiber runs.
  Fiber& start(std::function<void()>& body) {
    Fiber& fiber = pool.take();
    fiber.occupant = &body;
    fiber.saved_errno = 0;
    fiber.entered = nullptr;
    return fiber;
  }
  void resume(Fiber& fiber) {
    stage_ = this;
    running_ = &fiber;
    runtime::fiber::enter(native_, fiber, words_);
    running_ = nullptr;
  }
  /// From a body: back to whoever resumed it.
  void pause() {
    Fiber& self = *running_;
    runtime::fiber::switch_to(self, native_, words_);
  }
  /// start() and, as the body does not pause, its end.
  void run(std::function<void()> body) { resume(start(body)); }

  Fiber& running() { return *running_; }

  runtime::fiber::StackPool pool;
  void* entered = nullptr;  // what a thread-local of context/ is in the library

 private:
  // As the scheduler's fiber_main: instrumented frames of it may not outlive the switch for good.
  RUNTIME_NO_ASAN static void entry(Fiber& self) {
    for (;;) {
      FiberStage& stage = *stage_;
      (*static_cast<std::function<void()>*>(self.occupant))();
      stage.pool.put(self);
      runtime::fiber::switch_to(self, stage.native_, stage.words_, true);
    }
  }

  inline static FiberStage* stage_ = nullptr;
  Fiber native_;
  Fiber* running_ = nullptr;
  runtime::fiber::ThreadWords words_;
};

}  // namespace test
