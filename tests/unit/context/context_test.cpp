#include "context/context.hpp"

#include <memory>
#include <thread>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "support/leak_check.hpp"
#include "support/test_task.hpp"

using namespace runtime::context;

namespace {

Context context_of(int& runtime) { return Context{&runtime, nullptr, nullptr}; }

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "entries nest, and each end uncovers the one before") {
  int a = 0, b = 0;
  const Context first = context_of(a), second = context_of(b);
  CHECK(current() == nullptr);
  {
    const Entry outer(first);
    CHECK(current() == &first);
    {
      const Entry inner(second);
      CHECK(current() == &second);
      const Entry again(first);
      CHECK(current() == &first);
    }
    CHECK(current() == &first);
  }
  CHECK(current() == nullptr);
}

TEST_CASE_FIXTURE(test::LeakCheck, "an entry is its thread's own") {
  int runtime = 0;
  const Context context = context_of(runtime);
  const Entry entry(context);
  std::thread([] { CHECK(current() == nullptr); }).join();
  CHECK(current() == &context);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a task's context is its runtime's, whatever has been entered") {
  int a = 0, b = 0;
  const Context its = context_of(a), entered = context_of(b);
  test::RecordingSchedule schedule(&its);
  test::TestTask cell(schedule);
  const Entry entry(entered);
  CHECK(&of(cell.task) == &its);
}

TEST_CASE_FIXTURE(test::LeakCheck, "entries released out of order are reported, and end the program") {
  const auto end = test::in_child([] {
    int runtime = 0;
    const Context context = context_of(runtime);
    auto first = std::make_unique<Entry>(context);
    const Entry second(context);
    first.reset();
    test::say("still alive");
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("EnterGuards must be released in the reverse order"));
  CHECK_FALSE(end.says("still alive"));
}
