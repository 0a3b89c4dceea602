#include <runtime/task.hpp>

#include <sched.h>

#include <string>

#include <runtime/blocking.hpp>
#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "fiber/stack_pool.hpp"
#include "io/offload.hpp"
#include "task/current.hpp"
#include "task/park.hpp"

// What a task can ask of itself, and the builder of tasks.

namespace runtime::inline v1 {

void yield_now() {
  task::Task* task = task::parkable();
  if (task == nullptr) {
    ::sched_yield();
    return;
  }
  task::throw_if_cancelled(*task);
  task->schedule->yield(*task);
  task::throw_if_cancelled(*task);
}

namespace this_task {
namespace {

const task::Task* with_id() noexcept {
  const task::Task* task = task::current();
  return task != nullptr && task->id != 0 ? task : nullptr;  // the root has none, and so its branches
}

}  // namespace

TaskId id() {
  const task::Task* task = with_id();
  if (task == nullptr) {
    throw Error(Errc::not_set, "this_task::id() outside a task: the root of block_on and plain threads have none");
  }
  return TaskId(task->id);
}

bool has_id() noexcept { return with_id() != nullptr; }

std::string_view name() noexcept {
  const task::Task* task = with_id();
  return task != nullptr ? task->name() : std::string_view();
}

bool is_cancelled() noexcept {
  const task::Task* task = task::current();
  return task != nullptr && task::CancelScope::is_requested(*task);
}

void check_cancelled() {
  if (task::Task* task = task::parkable()) task::throw_if_cancelled(*task);
}

void consume_budget() {
  task::Task* task = task::parkable();
  if (task == nullptr) return;
  task::throw_if_cancelled(*task);
  task->schedule->spend_budget(*task);
}

std::size_t stack_high_water() {
  const task::Task* task = task::current();
  if (task == nullptr || task->fiber == nullptr || task->fiber->pool == nullptr) return 0;
  return task->fiber->pool->high_water(*task->fiber);
}

}  // namespace this_task

namespace detail {

bool on_fiber() noexcept { return task::parkable() != nullptr; }

void offload_raw(void (*call)(void*) noexcept, void* arg) {
  task::Task& task = *task::parkable();
  task::throw_if_cancelled(task);
  const int error = io::offload(call, arg);
  task::throw_if_cancelled(task);
  if (error == ECANCELED) {
    throw Error(Errc::shut_down, "offload() while the runtime shuts down: its blocking pool takes nothing new");
  }
  if (error != 0) base::throw_errno(error, "offload: pthread_create of the first pool thread");
}

}  // namespace detail

class TaskBuilder::Impl final {
 public:
  std::string name;
  std::size_t stack_size = 0;
};

TaskBuilder::TaskBuilder() : impl_(std::make_unique<Impl>()) {}
TaskBuilder::TaskBuilder(TaskBuilder&&) noexcept = default;
TaskBuilder& TaskBuilder::operator=(TaskBuilder&&) noexcept = default;
TaskBuilder::~TaskBuilder() = default;

TaskBuilder& TaskBuilder::name(std::string_view name) {
  if (name.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos) {
    throw Error(Errc::invalid_argument, "TaskBuilder::name() takes a name that is not blank");
  }
  impl_->name = name;
  return *this;
}

TaskBuilder& TaskBuilder::stack_size(std::size_t bytes) {
  constexpr std::size_t kPage = 4096;
  if (bytes < 16 * 1024 || bytes > std::size_t{1} << 46) {
    throw Error(Errc::invalid_argument, "TaskBuilder::stack_size() takes at least 16 KiB");
  }
  impl_->stack_size = (bytes + kPage - 1) / kPage * kPage;
  return *this;
}

detail::SpawnRequest TaskBuilder::request(detail::SpawnRequest::Kind kind, const char* file, unsigned line) const noexcept {
  detail::SpawnRequest request = detail::plain_request(kind, file, line);
  request.name = impl_->name.data();
  request.name_size = static_cast<std::uint32_t>(impl_->name.size());
  request.stack_size = impl_->stack_size;
  return request;
}

}  // namespace runtime::inline v1
