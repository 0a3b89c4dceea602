#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <runtime/task_id.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// What the library tells a hook about a task. `size` first, for growth.
struct RawTaskMeta {
  std::uint32_t size;
  std::uint32_t spawn_line;
  std::uint64_t id;
  const char* spawn_file;
  const char* name;
  std::uint64_t name_size;
  std::int64_t schedule_latency;  // nanoseconds; below 0: not measured
};

struct HookAccess;

}  // namespace detail

/// A task, as a hook sees it.
///
/// Valid during the call of the hook. Thread safety: the thread of the call.
class TaskMeta final {
 public:
  TaskMeta(const TaskMeta&) = delete;
  TaskMeta& operator=(const TaskMeta&) = delete;

  TaskId id() const noexcept { return TaskId(raw_.id); }
  /// The name given to TaskBuilder; empty if there is none.
  std::string_view name() const noexcept { return {raw_.name, static_cast<std::size_t>(raw_.name_size)}; }
  /// The place of the call that spawned it, as "file:line". Throws: std::bad_alloc.
  std::string spawned_at() const { return raw_.spawn_file + (':' + std::to_string(raw_.spawn_line)); }
  /// How long the task was ready before this resume.
  ///
  /// Only in on_before_task_poll and on_after_task_poll, and only when the runtime was built with
  /// metrics_schedule_latency_histogram(); else nullopt.
  std::optional<std::chrono::nanoseconds> schedule_latency() const noexcept {
    if (raw_.schedule_latency < 0) return std::nullopt;
    return std::chrono::nanoseconds(raw_.schedule_latency);
  }

 private:
  friend struct detail::HookAccess;
  explicit TaskMeta(const detail::RawTaskMeta& raw) noexcept : raw_(raw) {}

  const detail::RawTaskMeta& raw_;
};

}  // namespace v1
}  // namespace runtime
