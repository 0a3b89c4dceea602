#pragma once

#include "task/task.hpp"

namespace runtime::inline v1::task {

/// The closure of a task that is one branch of a select: what it runs, in the frame of the task that waits for it.
///
/// A branch has a fiber of its own and shares everything else with its owner: id, name, bindings of task-locals,
/// cancellation. It is counted nowhere. Borrows: all of it, from the owner's frame.
struct Branch {
  Task* owner;
  void (*run)(void* body);
  void* body;
};

inline Task& owner_of(const Task& branch) noexcept {
  return *static_cast<Branch*>(const_cast<Task&>(branch).body())->owner;
}

/// The task as the user knows it: of a branch, the one that selects.
inline const Task& identity_of(const Task& task) noexcept {
  const Task* known = &task;
  while (known->kind == Kind::branch) known = &owner_of(*known);
  return *known;
}

}  // namespace runtime::inline v1::task
