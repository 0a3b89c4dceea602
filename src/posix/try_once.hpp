#pragma once

#include <sys/types.h>

#include <cerrno>

#include "posix/flag_loan.hpp"

namespace runtime::inline v1::posix {

/// One try at reading or writing what is no socket, without waiting.
///
/// First the way that leaves the description alone (RWF_NOWAIT). Kinds that do not know it (terminals, named FIFOs,
/// inotify, writes to an eventfd) say EOPNOTSUPP, some EINVAL, which can also be the program's mistake: then the plain
/// call, under a loan of the flag, has the last word.
template <class Nowait, class Plain>
ssize_t try_once(int fd, bool& knows_nowait, Nowait nowait, Plain plain) noexcept {
  if (knows_nowait) {
    const ssize_t result = nowait();
    if (result >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS)) return result;
    knows_nowait = false;
  }
  const FlagLoan loan(fd);
  return plain();
}

}  // namespace runtime::inline v1::posix
