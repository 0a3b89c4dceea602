// An exception that a hook throws is an unhandled exception: it goes to the policy, and what the hook was called for
// goes on.

#include <atomic>
#include <stdexcept>

#include "support.hpp"

using namespace api_test;
using runtime::TaskMeta;
using runtime::UnhandledException;

namespace {

[[noreturn]] void fail() { throw std::runtime_error("the hook is bent"); }
[[noreturn]] void fail_for_task(const TaskMeta&) { fail(); }

/// What is told on stderr while a task and a closure are run and the thread sleeps once.
std::string told_by(Builder builder) {
  const Limits limits;
  const CapturedStderr captured;
  {
    LocalRuntime rt = builder.build_local();
    CHECK(rt.block_on([] {
      runtime::sleep_for(100us);
      return runtime::spawn_local([] { return 5; }).join() + runtime::spawn_blocking([] { return 6; }).join();
    }) == 11);
  }
  return captured.text();
}

}  // namespace

TEST_CASE("each hook that throws is told of by the name of its setter, and everybody goes on") {
  const auto check = [](const Builder& builder, const char* setter) {
    CAPTURE(setter);
    const std::string text = told_by(builder);
    CHECK(occurrences(text, "the hook is bent") >= 1);
    CHECK(occurrences(text, std::string("the hook ") + setter + " threw") == occurrences(text, "the hook is bent"));
  };
  check(Builder().on_task_spawn(fail_for_task), "on_task_spawn");
  check(Builder().on_before_task_poll(fail_for_task), "on_before_task_poll");
  check(Builder().on_after_task_poll(fail_for_task), "on_after_task_poll");
  check(Builder().on_task_terminate(fail_for_task), "on_task_terminate");
  check(Builder().on_thread_start(fail), "on_thread_start");
  check(Builder().on_thread_stop(fail), "on_thread_stop");
  check(Builder().on_thread_park(fail), "on_thread_park");
  check(Builder().on_thread_unpark(fail), "on_thread_unpark");
  check(Builder().thread_name_fn([]() -> std::string { fail(); }), "thread_name_fn");
}

TEST_CASE("ignore is obeyed") {
  CHECK(told_by(Builder().on_task_spawn(fail_for_task).unhandled_exception(UnhandledException::ignore)).empty());
}

TEST_CASE("even a Cancelled that a hook throws of its own reaches nobody's task") {
  const std::string text = told_by(Builder().on_before_task_poll([](const TaskMeta&) { throw Cancelled(); }));
  CHECK(occurrences(text, "not a std::exception") == 1);
}

TEST_CASE("shutdown_runtime names the hook") {
  for (const bool on_pool : {true, false}) {
    Builder builder = Builder().unhandled_exception(UnhandledException::shutdown_runtime);
    on_pool ? builder.on_thread_start(fail) : builder.on_after_task_poll(fail_for_task);
    Checked house(builder);
    std::string sentence;
    CHECK(code_of([&] {
      try {
        house.rt.block_on([] {
          auto task = runtime::spawn_local([] {});
          auto closure = runtime::spawn_blocking([] {});
          wait_for_ever();
        });
      } catch (const Error& error) {
        sentence = error.what();
        throw;
      }
    }) == Errc::shut_down);
    CHECK(sentence.find(on_pool ? "on_thread_start" : "on_after_task_poll") != std::string::npos);
    CHECK(sentence.find("the hook is bent") != std::string::npos);
  }
}
