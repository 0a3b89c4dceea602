#include "task/cancel_scope.hpp"

#include <atomic>
#include <thread>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"
#include "support/test_task.hpp"
#include "task/branch.hpp"
#include "task/park.hpp"

using namespace runtime::task;
using test::RecordingSchedule;
using test::TestTask;

namespace {

struct Stage {
  RecordingSchedule schedule;
  TestTask cell{schedule};
  Task& task = cell.task;

  bool has_mark() const { return (task.signals.load() & Task::kScopeCancelled) != 0; }
};

/// Asks while an exception unwinds past it.
struct AsksInDestructor {
  Task& task;
  bool& due;
  ~AsksInDestructor() { due = CancelScope::is_due(task); }
};

}  // namespace

TEST_CASE_FIXTURE(Stage, "scopes of a fiber form a chain, the innermost first, and leave it as they found it") {
  CHECK(task.fiber->scopes == nullptr);
  {
    const CancelScope outer(task);
    {
      const CancelScope inner(task);
      CHECK(task.fiber->scopes == &inner);
    }
    CHECK(task.fiber->scopes == &outer);
  }
  CHECK(task.fiber->scopes == nullptr);
}

TEST_CASE_FIXTURE(Stage, "cancelling wakes the task and makes its waits end, inside the scope and not around it") {
  {
    CancelScope outer(task);
    {
      CancelScope inner(task);
      inner.cancel();
      CHECK(schedule.scheduled.size() == 1);
      CHECK(inner.is_cancelled());
      CHECK_FALSE(outer.is_cancelled());
      CHECK(is_cancel_due(task));
      CHECK(inner.is_target());
      CHECK_FALSE(outer.is_target());
    }
    CHECK_FALSE(is_cancel_due(task));
    CHECK_FALSE(has_mark());
  }
}

TEST_CASE_FIXTURE(Stage, "of several that are cancelled the outermost is the target, and so is the task before all") {
  CancelScope outer(task);
  CancelScope inner(task);
  inner.cancel();
  outer.cancel();
  CHECK_FALSE(inner.is_target());
  CHECK(outer.is_target());
  task.abort();
  CHECK_FALSE(inner.is_target());
  CHECK_FALSE(outer.is_target());
  CHECK(is_cancel_due(task));
}

TEST_CASE_FIXTURE(Stage, "the mark stays while an outer scope is cancelled, also by another thread") {
  CancelScope outer(task);
  {
    CancelScope inner(task);
    inner.cancel();
    std::thread([&] { outer.cancel(); }).join();
  }
  CHECK(has_mark());
  CHECK(is_cancel_due(task));
  CHECK(schedule.remote().size() == 1);
}

TEST_CASE_FIXTURE(Stage, "a shield holds back what is outside it, and hides nothing from who asks") {
  CancelScope outer(task);
  outer.cancel();
  task.abort();
  {
    const CancelScope shield(task, CancelScope::Reach::shielded);
    CHECK_FALSE(CancelScope::is_due(task));
    CHECK(CancelScope::is_requested(task));
    CancelScope inner(task);
    CHECK_FALSE(CancelScope::is_due(task));
    inner.cancel();
    CHECK(CancelScope::is_due(task));
    CHECK(inner.is_target());
  }
  CHECK(CancelScope::is_due(task));
}

TEST_CASE_FIXTURE(Stage, "a shield that is cancelled itself ends the waits inside it") {
  CancelScope shield(task, CancelScope::Reach::shielded);
  shield.cancel();
  CHECK(CancelScope::is_due(task));
}

TEST_CASE_FIXTURE(Stage, "while an exception unwinds, scopes entered before it are deaf and those entered since are not") {
  CancelScope outer(task);
  bool outer_due = true, inner_due = false, due_after_inner = true;
  struct EntersAScope {
    Task& task;
    bool& inner_due;
    bool& due_after_inner;
    ~EntersAScope() {
      {
        CancelScope inner(task);
        CHECK_FALSE(CancelScope::is_due(task));
        inner.cancel();
        inner_due = CancelScope::is_due(task);
        CHECK(inner.is_target());
      }
      due_after_inner = CancelScope::is_due(task);
    }
  };
  try {
    outer.cancel();
    task.abort();
    const AsksInDestructor asks{task, outer_due};
    const EntersAScope enters{task, inner_due, due_after_inner};
    throw 1;
  } catch (int) {
    CHECK(CancelScope::is_due(task));  // in a handler nothing is in flight
  }
  CHECK_FALSE(outer_due);
  CHECK(inner_due);
  CHECK_FALSE(due_after_inner);
}

TEST_CASE_FIXTURE(Stage, "a task whose captures are being destroyed is deaf to its abort, not to a scope entered then") {
  task.abort();
  task.closing = true;
  CHECK_FALSE(CancelScope::is_due(task));
  CancelScope scope(task);
  CHECK_FALSE(CancelScope::is_due(task));
  scope.cancel();
  CHECK(scope.is_target());
}

TEST_CASE_FIXTURE(Stage, "whoever swallows again and again gives way each time; a scope that was obeyed starts afresh") {
  {
    CancelScope scope(task);
    scope.cancel();
    for (int i = 0; i < Task::kCancelPatience; ++i) {
      CHECK_THROWS_AS(throw_if_cancelled(task), runtime::Cancelled);
    }
    CHECK(schedule.yields == 0);
    for (int i = 1; i <= 3; ++i) {
      CHECK_THROWS_AS(throw_if_cancelled(task), runtime::Cancelled);
      CHECK(schedule.yields == i);
    }
    CHECK(scope.is_target());
  }
  CancelScope next(task);
  next.cancel();
  CHECK_THROWS_AS(throw_if_cancelled(task), runtime::Cancelled);
  CHECK(schedule.yields == 3);
}

TEST_CASE_FIXTURE(Stage, "a branch tells of its owner's cancellation, and is ended by its own only") {
  TestTask branch(schedule);
  branch.task.kind = Kind::branch;
  ::new (branch.task.body()) Branch{&task, nullptr, nullptr};
  CHECK_FALSE(CancelScope::is_requested(branch.task));
  {
    CancelScope around_the_select(task);
    around_the_select.cancel();
    CHECK(CancelScope::is_requested(branch.task));
    CHECK_FALSE(CancelScope::is_due(branch.task));
  }
  CHECK_FALSE(CancelScope::is_requested(branch.task));
  task.abort();
  CHECK(CancelScope::is_requested(branch.task));
  branch.task.abort();
  CHECK(CancelScope::is_due(branch.task));
  CHECK(&identity_of(branch.task) == &task);
}

TEST_CASE_FIXTURE(test::LeakCheck, "another thread cancels the outer scope while inner ones that are cancelled come and go") {
  for (int round = 0; round < 300; ++round) {
    RecordingSchedule schedule;
    TestTask cell(schedule);
    CancelScope outer(cell.task);
    std::atomic<bool> begun{false};
    std::thread other([&] {
      begun = true;
      outer.cancel();
    });
    while (!begun) std::this_thread::yield();
    while (!is_cancel_due(cell.task)) {
      CancelScope inner(cell.task);
      inner.cancel();
    }
    other.join();
    CHECK(is_cancel_due(cell.task));
    CHECK(outer.is_target());
  }
}
