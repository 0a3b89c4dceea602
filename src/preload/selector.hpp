#pragma once

#include <cstdint>

#include <linux/prctl.h>

namespace runtime::preload {

/// Whether the kernel hands the thread's system calls to us: the byte it reads at each of them, in complete mode
/// (Documentation/admin-guide/syscall-user-dispatch.rst). In symbols mode a byte that nobody reads.
enum class Selector : std::uint8_t {
  allow = SYSCALL_DISPATCH_FILTER_ALLOW,
  block = SYSCALL_DISPATCH_FILTER_BLOCK,
};

/// Of this thread. `block` only while the code in a fiber runs, and none of ours.
extern constinit thread_local volatile Selector selector [[gnu::tls_model("initial-exec")]];

inline Selector exchange_selector(Selector value) noexcept {
  const Selector before = selector;
  selector = value;
  return before;
}

}  // namespace runtime::preload
