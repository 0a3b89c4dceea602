#include "task/locals.hpp"

#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <runtime/error.hpp>

#include "support/leak_check.hpp"
#include "support/test_task.hpp"
#include "task/current.hpp"

using namespace runtime::task;
using runtime::detail::Binding;
using runtime::detail::LocalValue;
using test::RecordingSchedule;
using test::TestTask;

namespace {

std::vector<std::uint64_t> destroyed;

struct Value : LocalValue {
  explicit Value(std::uint64_t its_key) : LocalValue{its_key, &Value::gone, nullptr} {}
  static void gone(LocalValue* self) noexcept {
    destroyed.push_back(self->key);
    delete static_cast<Value*>(self);
  }
};

}  // namespace

TEST_CASE("the innermost binding of a key is found, and unbinding gives back the one outside it") {
  const int key = 0, other_key = 0;
  int outer_value = 1, inner_value = 2;
  CHECK(runtime::detail::find_bound(&key) == nullptr);
  Binding outer{&key, &outer_value, nullptr}, inner{&key, &inner_value, nullptr};
  runtime::detail::bind(outer);
  CHECK(runtime::detail::find_bound(&key) == &outer_value);
  CHECK(runtime::detail::find_bound(&other_key) == nullptr);
  runtime::detail::bind(inner);
  CHECK(runtime::detail::find_bound(&key) == &inner_value);
  runtime::detail::unbind(inner);
  CHECK(runtime::detail::find_bound(&key) == &outer_value);
  runtime::detail::unbind(outer);
  CHECK(runtime::detail::find_bound(&key) == nullptr);
  CHECK_THROWS_AS(runtime::detail::throw_unbound(), runtime::Error);
}

TEST_CASE("a fiber's bindings and values are its own; a blocking closure has those of its thread") {
  RecordingSchedule schedule;
  TestTask fiber(schedule), blocking(schedule);
  blocking.task.kind = Kind::blocking;
  Binding*& of_thread = bindings();
  LocalValue*& values_of_thread = local_values();
  {
    const test::Running running(fiber.task);
    CHECK(&bindings() == &fiber.fiber.bindings);
    CHECK(&local_values() == &fiber.fiber.local_values);
  }
  const test::Running running(blocking.task);
  CHECK(&bindings() == &of_thread);
  CHECK(&local_values() == &values_of_thread);
  Binding** elsewhere = nullptr;
  std::thread([&] { elsewhere = &bindings(); }).join();
  CHECK(elsewhere != &of_thread);
}

TEST_CASE("keys are never used twice; values are found by key and destroyed the youngest first, once") {
  const std::uint64_t first = runtime::detail::new_local_key();
  const std::uint64_t second = runtime::detail::new_local_key();
  CHECK(first != second);
  CHECK(first != 0);
  RecordingSchedule schedule;
  TestTask cell(schedule);
  const test::Running running(cell.task);
  CHECK(runtime::detail::find_local(first) == nullptr);
  auto* value = new Value(first);
  runtime::detail::add_local(value);
  runtime::detail::add_local(new Value(second));
  CHECK(runtime::detail::find_local(first) == value);
  destroyed.clear();
  destroy_local_values(cell.fiber);
  CHECK(destroyed == std::vector{second, first});
  destroy_local_values(cell.fiber);
  CHECK(destroyed.size() == 2);
  CHECK(runtime::detail::find_local(first) == nullptr);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a thread's values go with it, also those that are made meanwhile") {
  static std::uint64_t late;
  late = runtime::detail::new_local_key();
  struct MakesAnother : LocalValue {
    explicit MakesAnother(std::uint64_t its_key) : LocalValue{its_key, &MakesAnother::gone, nullptr} {}
    static void gone(LocalValue* self) noexcept {
      runtime::detail::add_local(new Value(late));
      delete static_cast<MakesAnother*>(self);
    }
  };
  destroyed.clear();
  std::thread([] { runtime::detail::add_local(new MakesAnother(runtime::detail::new_local_key())); }).join();
  CHECK(destroyed == std::vector{late});
}
