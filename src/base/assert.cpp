#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace runtime::inline v1::base {

void fail_assertion(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "libruntime: internal error, please report it: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace runtime::inline v1::base
