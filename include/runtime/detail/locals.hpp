#pragma once

#include <cstdint>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// A value that a TaskLocal has while some code runs. Lives in the frame that runs it.
struct Binding {
  const void* key;  // the TaskLocal
  void* value;
  Binding* outer;
};

RUNTIME_API void bind(Binding& binding) noexcept;
RUNTIME_API void unbind(Binding& binding) noexcept;
/// The innermost value, or null.
RUNTIME_API void* find_bound(const void* key) noexcept;
[[noreturn]] RUNTIME_API void throw_unbound();

/// One fiber's value of a FiberLocal. Owns: itself and the value; destroy() frees both.
struct LocalValue {
  std::uint64_t key;
  void (*destroy)(LocalValue* self) noexcept;
  LocalValue* next;
};

/// Numbers FiberLocals: addresses are used again, and a fiber may outlive the FiberLocal.
RUNTIME_API std::uint64_t new_local_key() noexcept;
/// The value of the calling fiber or thread, or null.
RUNTIME_API LocalValue* find_local(std::uint64_t key) noexcept;
/// Takes it over, until the fiber or thread ends.
RUNTIME_API void add_local(LocalValue* value) noexcept;

}  // namespace detail
}  // namespace v1
}  // namespace runtime
