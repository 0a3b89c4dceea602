#include "runtime/dump_text.hpp"

#include <initializer_list>

#include "base/symbolizer.hpp"
#include "driver/fd_watch.hpp"
#include "runtime/report_text.hpp"

namespace runtime::inline v1::detail {
namespace {

void append(std::string& out, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) out += part;
}

void write_wait(std::string& out, const WaitRecord& wait, const std::string& indent) {
  append(out, {indent, "waits for ", name_of(wait.what)});
  if (wait.fd >= 0) append(out, {" ", std::to_string(wait.fd), " (", interest_name(wait.interest), ")"});
  if (wait.task != 0) {
    const bool is_end = wait.what == task::WaitFor::join || wait.what == task::WaitFor::blocking_job;
    append(out, {is_end ? " of task " : ", held by task ", std::to_string(wait.task)});
  }
  if (wait.object != nullptr) append_hex(out += " at ", reinterpret_cast<std::uintptr_t>(wait.object));
  if (wait.remaining >= 0) {
    append_duration(out += ", ", wait.remaining);
    out += " left";
  }
  append_duration(out += ", since ", wait.since);
  out += '\n';
}

void write_task(std::string& out, const TaskRecord& task, base::Symbolizer& symbols, const std::string& title,
                const std::string& indent) {
  append(out, {indent, title});
  if (!task.name.empty()) append_name(out += ' ', task.name);
  append(out, {": ", name_of(task.phase)});
  if (!task.is_started) out += ", not started";
  if (task.is_cancelled) out += ", cancelled";
  if (!task.spawned_at.empty()) append(out, {"; spawned at ", task.spawned_at});
  out += "\n";
  if (!task.note.empty()) append(out, {indent, "  ", task.note, "\n"});
  for (const WaitRecord& wait : task.waits) write_wait(out, wait, indent + "  ");
  const std::string frame_indent = indent + "    ";
  std::size_t number = 0;
  for (const std::uintptr_t address : task.frames) {
    append_frame(out, frame_indent, number++, address, true, symbols);
  }
  if (task.has_more_frames) append(out, {indent, "    (more calls, not shown)\n"});
  for (const TaskRecord& branch : task.branches) write_task(out, branch, symbols, "branch", indent + "  ");
}

}  // namespace

const char* name_of(task::WaitFor what) noexcept {
  switch (what) {
    case task::WaitFor::timer: return "timer";
    case task::WaitFor::descriptor: return "descriptor";
    case task::WaitFor::join: return "join";
    case task::WaitFor::blocking_job: return "blocking job";
    case task::WaitFor::mutex: return "mutex";
    case task::WaitFor::rwlock_read: return "rwlock read";
    case task::WaitFor::rwlock_write: return "rwlock write";
    case task::WaitFor::condition_variable: return "condition variable";
    case task::WaitFor::semaphore: return "semaphore";
    case task::WaitFor::notify: return "notify";
    case task::WaitFor::barrier: return "barrier";
    case task::WaitFor::once_cell: return "once cell";
    case task::WaitFor::channel_send: return "channel send";
    case task::WaitFor::channel_receive: return "channel receive";
    case task::WaitFor::channel_closed: return "channel closed";
    case task::WaitFor::token: return "cancellation token";
    case task::WaitFor::children: return "children";
    case task::WaitFor::pool_threads: return "pool threads";
    case task::WaitFor::inner_runtime: return "inner runtime";
    case task::WaitFor::other_runtime: return "other runtime";
  }
  return "unknown";
}

const char* name_of(task::Phase phase) noexcept {
  switch (phase) {
    case task::Phase::running: return "running";
    case task::Phase::parked: return "parked";
    case task::Phase::draft:
    case task::Phase::ready:
    case task::Phase::ended: return "ready";  // one that is in the list has not ended
  }
  return "unknown";
}

std::string interest_name(std::uint8_t interest) {
  std::string name;
  for (const auto& [bit, word] : {std::pair(driver::kReadable, "readable"), std::pair(driver::kWritable, "writable"),
                                  std::pair(driver::kPriority, "priority")}) {
    if ((interest & bit) == 0) continue;
    if (!name.empty()) name += ", ";
    name += word;
  }
  return name.empty() ? "closed" : name;
}

std::string dump_as_text(std::uint64_t runtime_id, std::string_view runtime_name, const TaskRecords& records) {
  base::Symbolizer symbols(scheduler::CurrentThread::stack_left());
  std::string out = "runtime " + std::to_string(runtime_id);
  if (!runtime_name.empty()) append_name(out += ' ', runtime_name);
  append(out, {": ", std::to_string(records.tasks.size()), " tasks\n"});
  for (const auto& ring : find_deadlocks(records)) {
    out += "deadlock: ";
    for (const std::uint64_t id : ring) append(out, {"task ", std::to_string(id), " waits for "});
    append(out, {"task ", std::to_string(ring.front()), "\n"});
  }
  for (const TaskRecord& root : records.root) write_task(out, root, symbols, "root", "");
  for (const TaskRecord& task : records.tasks) write_task(out, task, symbols, "task " + std::to_string(task.id), "");
  return out;
}

}  // namespace runtime::inline v1::detail
