#include <cstring>
#include <memory>
#include <new>
#include <system_error>

#include <runtime/detail/raw_task.hpp>
#include <runtime/error.hpp>
#include <runtime/task.hpp>

#include "runtime/blocking_task.hpp"
#include "runtime/inner.hpp"
#include "task/children.hpp"
#include "task/join.hpp"
#include "task/park.hpp"

// From a closure to a task: the exported half of <runtime/detail/spawn.hpp>.

namespace runtime::inline v1::detail {
namespace {

struct AttributesDeleter {
  void operator()(task::Attributes* attributes) const noexcept { ::operator delete(attributes); }
};
using AttributesPtr = std::unique_ptr<task::Attributes, AttributesDeleter>;

// What a cell may have behind its body: see Task::tail().
constexpr std::size_t kLongestTail = task::CellPool::kLargest - task::CellPool::kLargestBody - 2 * task::Task::kWord;
static_assert(sizeof(BlockingTask) <= kLongestTail);
static_assert(sizeof(scheduler::Readiness) + sizeof(task::Child) <= kLongestTail);
static_assert(alignof(BlockingTask) <= task::Task::kWord && alignof(scheduler::Readiness) <= task::Task::kWord &&
              alignof(task::Child) <= task::Task::kWord);

AttributesPtr attributes_of(const SpawnRequest& request) {
  if (request.name_size == 0 && request.stack_size == 0) return nullptr;
  void* memory = ::operator new(sizeof(task::Attributes) + request.name_size);
  auto* attributes = ::new (memory) task::Attributes{static_cast<std::size_t>(request.stack_size), request.name_size};
  std::memcpy(attributes + 1, request.name, request.name_size);
  return AttributesPtr(attributes);
}

bool is_plain(const SpawnRequest& request) noexcept {
  return request.kind != SpawnRequest::any_thread && request.scope == nullptr && request.name_size == 0 &&
         request.stack_size == 0;
}

// Whatever it takes. Not inlined: its frame would be everybody's.
[[gnu::noinline]] Draft new_other_draft(Inner* inner, const SpawnRequest& request) {
  if (request.scope != nullptr) inner = &Inner::of(request.scope->owner());
  if (inner == nullptr) inner = &Inner::current();
  scheduler::CurrentThread& scheduler = inner->scheduler();
  const bool blocking = request.kind == SpawnRequest::blocking;
  const bool owner = scheduler.is_owner();
  if (request.kind == SpawnRequest::local && !owner) {
    inner->check_owner(request.scope != nullptr ? "Scope::spawn()" : "spawn_local()");
  }

  const bool plain = scheduler.is_plainly_open();
  AttributesPtr attributes = attributes_of(request);
  scheduler::CurrentThread::Draft draft{
      request.table,
      blocking ? task::Kind::blocking : request.scope != nullptr ? task::Kind::child : task::Kind::fiber,
      owner && (plain || inner->is_open()),
      attributes.get(),
      blocking ? sizeof(BlockingTask) : (plain ? 0 : scheduler.tail_size()) + (request.scope != nullptr ? sizeof(task::Child) : 0),
      request.file,
      request.line,
  };
  task::Task& task = scheduler.draft(draft);
  static_cast<void>(attributes.release());  // the task's now
  if (request.scope != nullptr) {
    auto* child = ::new (static_cast<void*>(&scheduler.child_of(task))) task::Child{request.scope, &task, nullptr, nullptr};
    request.scope->add(*child);
  }
  return {&task, task.body()};
}

}  // namespace

Draft new_draft(Inner* inner, const SpawnRequest& request) {
  if (RUNTIME_LIKELY(inner == nullptr && is_plain(request))) {
    if (const context::Context* context = context::current()) {
      scheduler::CurrentThread& scheduler = Inner::of(*context).scheduler();
      if (RUNTIME_LIKELY(scheduler.is_owner() && scheduler.is_plainly_open())) {
        const bool is_local = request.kind == SpawnRequest::local;
        task::Task* task = is_local
            ? scheduler.draft_warm(*request.table, request.file, request.line)
            : scheduler.draft_warm_with_tail(*request.table, sizeof(BlockingTask), request.file, request.line);
        if (RUNTIME_LIKELY(task != nullptr)) {
          if (!is_local) task->kind = task::Kind::blocking;
          return {task, task->place()};  // never boxed
        }
      }
    }
  }
  return new_other_draft(inner, request);
}

RawJoinHandle launch(task::Task* task) {
  RawJoinHandle handle(task);
  if (RUNTIME_UNLIKELY(task->kind == task::Kind::blocking)) {
    launch_blocking(*task);
  } else {
    static_cast<scheduler::CurrentThread*>(task->schedule)->launch(*task);
  }
  return handle;
}

void discard(task::Task* task) noexcept { static_cast<scheduler::CurrentThread*>(task->schedule)->discard(*task); }

}  // namespace runtime::inline v1::detail
