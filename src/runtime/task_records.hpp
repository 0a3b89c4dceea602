#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "scheduler/current_thread.hpp"
#include "task/task.hpp"
#include "task/waiting.hpp"

namespace runtime::inline v1::detail {

/// One reason why a task was parked.
struct WaitRecord {
  task::WaitFor what;
  std::uint8_t interest;
  int fd;
  base::Nanos since;      // nanoseconds before the dump
  base::Nanos remaining;  // timer; below zero: no timer
  std::uint64_t task;     // that is joined, or has the lock; 0: none
  const void* object;
};

/// One task at one moment, copied on the owner thread.
struct TaskRecord {
  std::uint64_t id = 0;
  std::string name;
  task::Phase phase = task::Phase::draft;
  bool is_started = false;
  bool is_cancelled = false;
  std::string note;                     // the companion's
  std::string spawned_at;               // a copy: the file's name is part of a library that may be unloaded
  std::vector<WaitRecord> waits;        // innermost first
  std::vector<std::uintptr_t> frames;   // return addresses, innermost first
  bool has_more_frames = false;
  std::vector<TaskRecord> branches;
};

struct TaskRecords {
  std::vector<TaskRecord> tasks;  // in spawn order
  std::vector<TaskRecord> root;   // one or none
};

/// Copies what all tasks of a runtime are doing; nothing once it is shut down. Owner thread. Throws: std::bad_alloc.
TaskRecords record_tasks(scheduler::CurrentThread& scheduler);

/// Rings of tasks that wait for each other without a deadline, each beginning with its smallest id.
std::vector<std::vector<std::uint64_t>> find_deadlocks(const TaskRecords& records);

}  // namespace runtime::inline v1::detail
