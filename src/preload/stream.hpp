#pragma once

#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <wchar.h>

#include <fcntl.h>

#include <cerrno>
#include <cstddef>

namespace runtime::preload {

/// What a FILE of the C library is about: its fields are public (<bits/types/struct_FILE.h>), as code that was inlined
/// into programs reads them; so is the meaning of these flags.
class Stream final {
 public:
  explicit Stream(FILE* file) noexcept : file_(file) {}

  bool is_unbuffered() const noexcept { return has(0x0002); }
  bool is_line_buffered() const noexcept { return has(0x0200); }
  bool is_writing() const noexcept { return has(0x0800); }
  bool refuses_writing() const noexcept { return has(0x0008); }
  bool is_at_end() const noexcept { return has(_IO_EOF_SEEN); }
  bool is_wide() const noexcept { return file_->_mode > 0; }
  void set_error() const noexcept { file_->_flags |= _IO_ERR_SEEN; }

  /// The descriptor, or -1: a stream in memory, or of functions of the program (fopencookie).
  int fd() const noexcept {
    const int errno_before = errno;
    const int fd = ::fileno_unlocked(file_);
    errno = errno_before;
    return fd;
  }

  /// Bytes that can be read without asking the kernel, those of ungetc() included.
  std::size_t at_hand() const noexcept {
    if (is_writing()) return 0;
    const auto pushed_away =
        has(0x0100) ? file_->_IO_save_end - file_->_IO_save_base : 0;  // the main part, behind ungetc's
    return static_cast<std::size_t>(file_->_IO_read_end - file_->_IO_read_ptr + pushed_away);
  }

  /// Of a wide stream: characters that are decoded already, and those that wait to be encoded.
  std::size_t characters_at_hand() const noexcept {
    return is_writing() ? 0 : static_cast<std::size_t>(wide().read_end - wide().read_ptr);
  }
  std::size_t characters_pending() const noexcept {
    return is_writing() && is_wide() ? static_cast<std::size_t>(wide().write_ptr - wide().write_base) : 0;
  }
  /// Room for more of them, until something is written; none where lines are.
  std::size_t room_for_characters() const noexcept {
    const bool has_room = is_writing() && is_wide() && wide().write_end > wide().write_ptr;
    return has_room && !is_line_buffered() ? static_cast<std::size_t>(wide().write_end - wide().write_ptr) : 0;
  }

  /// Bytes that were written and the kernel has not got.
  std::size_t pending() const noexcept {
    return is_writing() ? static_cast<std::size_t>(file_->_IO_write_ptr - file_->_IO_write_base) : 0;
  }
  /// Room for more of them.
  std::size_t room() const noexcept {
    return is_writing() ? static_cast<std::size_t>(file_->_IO_buf_end - file_->_IO_write_ptr) : 0;
  }
  std::size_t buffer_size() const noexcept {
    return static_cast<std::size_t>(file_->_IO_buf_end - file_->_IO_buf_base);
  }

  /// Its descriptor blocks a thread: a pipe, a socket, a terminal; not a file, nor one that the program made
  /// non-blocking.
  bool may_wait() const noexcept {
    const int errno_before = errno;
    const int descriptor = fd();
    struct stat status;
    const int flags = descriptor < 0 ? -1 : ::fcntl(descriptor, F_GETFL);
    const bool waits = flags >= 0 && (flags & O_NONBLOCK) == 0 && ::fstat(descriptor, &status) == 0 &&
                       !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) && !S_ISBLK(status.st_mode);
    errno = errno_before;
    return waits;
  }

  /// Now, without waiting. (Errors are something that can be had, too.)
  bool is_ready(short events) const noexcept {
    const int errno_before = errno;
    pollfd asked{fd(), events, 0};
    const bool ready = ::poll(&asked, 1, 0) != 0;
    errno = errno_before;
    return ready;
  }

 private:
  /// How _IO_wide_data begins, in all versions of the C library.
  struct Wide {
    const wchar_t* read_ptr;
    const wchar_t* read_end;
    const wchar_t* read_base;
    const wchar_t* write_base;
    const wchar_t* write_ptr;
    const wchar_t* write_end;
  };
  const Wide& wide() const noexcept { return *reinterpret_cast<const Wide*>(file_->_wide_data); }
  bool has(int flag) const noexcept { return (file_->_flags & flag) != 0; }

  FILE* const file_;
};

}  // namespace runtime::preload
