#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>

namespace runtime {
inline namespace v1 {

/// The number of a runtime: unique in the process, the same for all handles of one runtime.
class RuntimeId final {
 public:
  constexpr explicit RuntimeId(std::uint64_t value) noexcept : value_(value) {}

  constexpr std::uint64_t value() const noexcept { return value_; }

  friend constexpr bool operator==(RuntimeId a, RuntimeId b) noexcept { return a.value_ == b.value_; }
  friend constexpr bool operator!=(RuntimeId a, RuntimeId b) noexcept { return a.value_ != b.value_; }
  friend constexpr bool operator<(RuntimeId a, RuntimeId b) noexcept { return a.value_ < b.value_; }
  friend std::ostream& operator<<(std::ostream& out, RuntimeId id) { return out << id.value_; }

 private:
  std::uint64_t value_;
};

}  // namespace v1
}  // namespace runtime

template <>
struct std::hash<runtime::RuntimeId> {
  std::size_t operator()(runtime::RuntimeId id) const noexcept { return std::hash<std::uint64_t>()(id.value()); }
};
