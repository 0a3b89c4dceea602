#include "descriptor_limit.hpp"

#include <algorithm>

#include <sys/resource.h>

#include "throw_errno.hpp"

namespace examples {

std::size_t raise_descriptor_limit(std::size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) throw_errno("getrlimit");
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  // First within the hard limit, as anybody may; then beyond it, as only root may.
  const rlimit tries[] = {{std::min<rlim_t>(wanted, limit.rlim_max), limit.rlim_max},
                          {wanted, std::max<rlim_t>(wanted, limit.rlim_max)}};
  for (const rlimit& next : tries) {
    if (setrlimit(RLIMIT_NOFILE, &next) == 0) limit = next;
  }
  return limit.rlim_cur;
}

}  // namespace examples
