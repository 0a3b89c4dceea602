#pragma once

namespace runtime::preload {

/// In the child of a fork there is one thread, and of the fibers only the one that called: parking would let the others
/// run a second time. From now on nothing of it is ours. Async-signal-safe.
void in_forked_child() noexcept;

}  // namespace runtime::preload
