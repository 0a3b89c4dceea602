#pragma once

#include <cstddef>

namespace runtime::inline v1::fiber {

enum class GuardKind : unsigned char {
  lightweight,  // MADV_GUARD_INSTALL, Linux 6.13: marks page-table entries, costs no mapping
  mprotect,     // splits the mapping: two mappings a stack, so vm.max_map_count is the ceiling
};

/// Makes [low, low + size) fault on any access. True on success; errno tells why not. `kind` is what to try first and
/// is changed when the kernel does not know it.
bool install_guard(std::byte* low, std::size_t size, GuardKind& kind) noexcept;

}  // namespace runtime::inline v1::fiber
