#pragma once

namespace runtime::inline v1::posix {

/// An open with these flags waits for the other end, if the file is a FIFO.
bool may_wait_as_fifo(int flags) noexcept;
/// What an open with these flags would open is a FIFO. errno is of no meaning afterwards.
bool is_fifo_at(int directory, const char* path, int flags) noexcept;

/// Opens a FIFO and parks until its other end is open, too. A descriptor, or -1 with errno; ECANCELED.
///
/// Without a thread: each end is opened with O_NONBLOCK, which is taken back before anybody else sees the descriptor. A
/// reader is there for writers at once, as in a blocking open, and looks for them; a writer cannot be there before a
/// reader is, and tries again.
int open_fifo(int directory, const char* path, int flags) noexcept;

}  // namespace runtime::inline v1::posix
