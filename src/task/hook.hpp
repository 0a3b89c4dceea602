#pragma once

#include <memory>

#include <runtime/detail/hook.hpp>

#include "base/clock.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::task {

/// A function of the user's that is called when something happens; empty when nobody has set it.
///
/// Shared: by the builders it was given to and the runtimes built from them.
/// Thread safety: a value; to be called wherever Builder says.
class Hook final {
 public:
  Hook() noexcept = default;
  /// Takes the function over, also when it throws: std::bad_alloc.
  explicit Hook(const detail::RawHook& raw) : call_(raw.call), context_(raw.context, raw.destroy) {}

  explicit operator bool() const noexcept { return call_ != nullptr; }
  /// Throws: what the function throws.
  void operator()(const void* argument = nullptr) const { call_(context_.get(), argument); }

 private:
  void (*call_)(void* context, const void* argument) = nullptr;
  std::shared_ptr<void> context_;
};

/// What is not measured.
inline constexpr base::Nanos kNoLatency = -1;

inline detail::RawTaskMeta meta_of(const Task& task, base::Nanos latency = kNoLatency) noexcept {
  const std::string_view name = task.name();
  return {sizeof(detail::RawTaskMeta), task.spawn_line, task.id, task.spawn_file, name.data(), name.size(), latency};
}

}  // namespace runtime::inline v1::task
