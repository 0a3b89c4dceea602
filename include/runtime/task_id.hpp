#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>

namespace runtime {
inline namespace v1 {

/// The number of a task: unique in the process, counted from 1, never used again.
///
/// Thread safety: a value.
class TaskId final {
 public:
  constexpr explicit TaskId(std::uint64_t value) noexcept : value_(value) {}

  constexpr std::uint64_t value() const noexcept { return value_; }

  friend constexpr bool operator==(TaskId a, TaskId b) noexcept { return a.value_ == b.value_; }
  friend constexpr bool operator!=(TaskId a, TaskId b) noexcept { return a.value_ != b.value_; }
  friend constexpr bool operator<(TaskId a, TaskId b) noexcept { return a.value_ < b.value_; }
  friend constexpr bool operator>(TaskId a, TaskId b) noexcept { return b < a; }
  friend constexpr bool operator<=(TaskId a, TaskId b) noexcept { return !(b < a); }
  friend constexpr bool operator>=(TaskId a, TaskId b) noexcept { return !(a < b); }
  friend std::ostream& operator<<(std::ostream& out, TaskId id) { return out << id.value_; }

 private:
  std::uint64_t value_;
};

}  // namespace v1
}  // namespace runtime

template <>
struct std::hash<runtime::TaskId> {
  std::size_t operator()(runtime::TaskId id) const noexcept { return std::hash<std::uint64_t>()(id.value()); }
};
