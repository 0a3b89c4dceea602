#include "runtime/task_records.hpp"

#include <algorithm>
#include <unordered_map>

#include "context/context.hpp"
#include "fiber/companion.hpp"
#include "fiber/walk.hpp"
#include "task/branch.hpp"
#include "task/cancel_scope.hpp"
#include "task/current.hpp"

namespace runtime::inline v1::detail {
namespace {

using task::Task;

struct Now {
  base::Nanos real;   // CLOCK_MONOTONIC
  base::Nanos clock;  // of the runtime: deadlines are on it
};

WaitRecord record_wait(const task::Waiting& waiting, const Now& now) {
  WaitRecord record{};
  record.what = waiting.what;
  record.interest = waiting.watched().interest;
  record.fd = waiting.watched().fd;
  record.since = std::max<base::Nanos>(0, now.real - waiting.since);
  record.remaining = -1;
  if (waiting.what == task::WaitFor::timer) {
    const base::Nanos deadline = waiting.detail.deadline;
    record.remaining = deadline == base::kForever ? base::kForever : std::max<base::Nanos>(0, deadline - now.clock);
  }
  record.task = waiting.holder != nullptr ? waiting.holder->load(std::memory_order_relaxed) : waiting.joined();
  record.object = waiting.object();
  return record;
}

std::string companions_note(const fiber::Fiber& fiber) {
  const runtime_companion* companion = fiber::installed_companion();
  if (companion == nullptr || companion->describe == nullptr) return {};
  char text[512];
  return {text, std::min(companion->describe(&fiber.companion, text, sizeof text), sizeof text - 1)};
}

TaskRecord record_task(const Task& task, const Now& now) {
  TaskRecord record;
  record.id = task.id;
  record.name = task.name();
  record.phase = task.phase;
  record.is_started = task.fiber != nullptr;
  record.is_cancelled = task.is_cancel_requested();
  if (task.spawn_line != 0) record.spawned_at = std::string(task.spawn_file) + ":" + std::to_string(task.spawn_line);
  if (task.fiber == nullptr) return record;
  record.note = companions_note(*task.fiber);

  const bool runs = &task == task::current();
  for (const task::Waiting* waiting = task.fiber->waiting; waiting != nullptr; waiting = waiting->outer) {
    if (!runs) record.waits.push_back(record_wait(*waiting, now));
    const task::Branches* branches = waiting->branches();
    if (branches == nullptr) continue;
    for (std::size_t i = 0; i < branches->count(); ++i) {
      if (const Task* branch = branches->at(i)) record.branches.push_back(record_task(*branch, now));
    }
  }
  const auto where = scheduler::CurrentThread::whereabouts(task);
  fiber::Frames frames;
  if (where.kind == scheduler::CurrentThread::Whereabouts::here) frames = fiber::walk_here();
  if (where.kind == scheduler::CurrentThread::Whereabouts::stopped) frames = fiber::walk(*where.fiber);
  record.frames.assign(frames.addresses, frames.addresses + frames.count);
  record.has_more_frames = frames.is_cut;
  return record;
}

// The task that has to act before this one can go on; 0 when there is none. One whose wait has a deadline goes on anyway.
std::uint64_t blocker_of(const TaskRecord& record) {
  std::uint64_t blocker = 0;
  for (const WaitRecord& wait : record.waits) {
    if (wait.remaining >= 0 && wait.remaining != base::kForever) return 0;
    if (blocker == 0) blocker = wait.task;
  }
  return blocker;
}

}  // namespace

TaskRecords record_tasks(scheduler::CurrentThread& scheduler) {
  TaskRecords records;
  // What tasks left parked wait for may be gone by now, with the locks in it.
  if (scheduler.is_closed()) return records;
  const Now now{base::monotonic_now(), static_cast<const context::Context*>(scheduler.context())->driver->clock.now()};
  scheduler.for_each([&](const Task& task) {
    (task.kind == task::Kind::root ? records.root : records.tasks).push_back(record_task(task, now));
  });
  return records;
}

// Each task waits for one other at most, so a ring is found by following: whoever is met twice in one walk is in it.
std::vector<std::vector<std::uint64_t>> find_deadlocks(const TaskRecords& records) {
  std::unordered_map<std::uint64_t, std::uint64_t> waits_for;
  for (const TaskRecord& record : records.tasks) {
    if (const std::uint64_t blocker = blocker_of(record)) waits_for.emplace(record.id, blocker);
  }
  std::vector<std::vector<std::uint64_t>> rings;
  std::unordered_map<std::uint64_t, std::uint64_t> seen_in;  // task -> the walk that came by first
  for (const TaskRecord& record : records.tasks) {
    std::uint64_t id = record.id;
    while (id != 0 && seen_in.emplace(id, record.id).second) {
      const auto next = waits_for.find(id);
      id = next != waits_for.end() ? next->second : 0;
    }
    if (id == 0 || seen_in.at(id) != record.id) continue;
    std::vector<std::uint64_t> ring;
    const std::uint64_t first = id;
    do {
      ring.push_back(id);
      id = waits_for.at(id);
    } while (id != first);
    std::rotate(ring.begin(), std::min_element(ring.begin(), ring.end()), ring.end());
    rings.push_back(std::move(ring));
  }
  return rings;
}

}  // namespace runtime::inline v1::detail
