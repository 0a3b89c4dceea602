#include "fiber/guard.hpp"

#include <sys/mman.h>

#include <cerrno>

namespace runtime::inline v1::fiber {
namespace {

// Newer than the C library's headers of Debian 12. See: madvise(2), Linux 6.13.
constexpr int kMadvGuardInstall = 102;

}  // namespace

bool install_guard(std::byte* low, std::size_t size, GuardKind& kind) noexcept {
  if (kind == GuardKind::lightweight) {
    int result;
    do {
      // EAGAIN and EINTR: the kernel was disturbed while it walked the page tables and wants to be asked again.
      result = ::madvise(low, size, kMadvGuardInstall);
    } while (result != 0 && (errno == EAGAIN || errno == EINTR));
    if (result == 0) return true;
    if (errno != EINVAL) return false;
    kind = GuardKind::mprotect;  // an older kernel, or memory that is locked
  }
  return ::mprotect(low, size, PROT_NONE) == 0;
}

}  // namespace runtime::inline v1::fiber
