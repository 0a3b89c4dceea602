#pragma once

namespace runtime::preload {

/// A system call of a fiber, by its number. Arguments as the kernel takes them.
struct SystemCall {
  long number;
  long a, b, c, d, e, f;
};

/// Makes it, parking the fiber where the kernel would hold the thread, and returns what the kernel would: a result, or a
/// negative error number. Not for calls that concern the caller's own registers, stack or signal frame.
/// `forward` makes a call as it is.
long make_system_call(const SystemCall& call, long (*forward)(const SystemCall& call) noexcept) noexcept;

}  // namespace runtime::preload
