#include "task/locals.hpp"

#include <atomic>
#include <utility>

#include <runtime/error.hpp>

#include "task/current.hpp"
#include "task/park.hpp"

namespace runtime::inline v1 {

namespace task {
namespace {

void destroy_all(detail::LocalValue*& values) noexcept {
  while (values != nullptr) {
    detail::LocalValue* value = std::exchange(values, values->next);
    value->destroy(value);
  }
}

// A plain thread's own values go with the thread.
struct ThreadValues {
  detail::LocalValue* first = nullptr;
  ~ThreadValues() { destroy_all(first); }
};
thread_local ThreadValues thread_values;

}  // namespace

detail::LocalValue*& local_values() noexcept {
  if (const Task* task = parkable()) return task->fiber->local_values;
  return thread_values.first;
}

detail::Binding*& bindings() noexcept {
  if (const Task* task = parkable()) return task->fiber->bindings;
  return thread_state.bindings;
}

void destroy_local_values(fiber::Fiber& fiber) noexcept {
  destroy_all(fiber.local_values);
}

}  // namespace task

namespace detail {

void bind(Binding& binding) noexcept {
  Binding*& innermost = task::bindings();
  binding.outer = innermost;
  innermost = &binding;
}

void unbind(Binding& binding) noexcept { task::bindings() = binding.outer; }

void* find_bound(const void* key) noexcept {
  for (const Binding* binding = task::bindings(); binding != nullptr; binding = binding->outer) {
    if (binding->key == key) return binding->value;
  }
  return nullptr;
}

void throw_unbound() {
  throw Error(Errc::not_set, "this TaskLocal has no value here: give it one with scope(value, f), and ask inside f; a "
                             "spawned task does not inherit it");
}

std::uint64_t new_local_key() noexcept {
  static constinit std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

LocalValue* find_local(std::uint64_t key) noexcept {
  for (LocalValue* value = task::local_values(); value != nullptr; value = value->next) {
    if (value->key == key) return value;
  }
  return nullptr;
}

void add_local(LocalValue* value) noexcept {
  LocalValue*& first = task::local_values();
  value->next = first;
  first = value;
}

}  // namespace detail
}  // namespace runtime::inline v1
