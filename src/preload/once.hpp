#pragma once

namespace runtime::preload {

/// In the child of a fork: functions that ran in the parent are begun again, which shows in the words that glibc writes.
void forget_once_word() noexcept;

}  // namespace runtime::preload
