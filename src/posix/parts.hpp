#pragma once

#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace runtime::inline v1::posix {

/// What is left of a list of buffers. Never copies the list: it may have 1,024 entries, and a fiber's stack is small.
///
/// Borrows: the list, for the length of one call.
/// Thread safety: the fiber's own.
class Parts final {
 public:
  Parts(const iovec* list, std::size_t count) noexcept : next_(list), count_(count) { skip_empty(); }

  bool is_empty() const noexcept { return count_ == 0; }

  /// The next run of buffers for one call. After a buffer was left half-way its rest stands alone, once.
  iovec* data() noexcept { return is_split_ ? &split_ : const_cast<iovec*>(next_); }
  std::size_t count() const noexcept { return is_split_ ? 1 : count_; }

  std::size_t bytes() const noexcept {
    std::size_t sum = is_split_ ? split_.iov_len : 0;
    for (std::size_t i = is_split_ ? 1 : 0; i < count_; ++i) sum += next_[i].iov_len;
    return sum;
  }

  /// n bytes are done, at most bytes().
  void advance(std::size_t n) noexcept {
    while (count_ != 0 && n != 0) {
      const iovec current = is_split_ ? split_ : *next_;
      if (n < current.iov_len) {
        // Through an integer: with MSG_TRUNC the base may be null.
        const auto base = reinterpret_cast<std::uintptr_t>(current.iov_base) + n;
        split_ = iovec{reinterpret_cast<void*>(base), current.iov_len - n};
        is_split_ = true;
        return;
      }
      n -= current.iov_len;
      is_split_ = false;
      ++next_;
      --count_;
      skip_empty();
    }
  }

 private:
  void skip_empty() noexcept {
    while (count_ != 0 && next_->iov_len == 0) {
      ++next_;
      --count_;
    }
  }

  const iovec* next_;
  std::size_t count_;
  iovec split_{};
  bool is_split_ = false;  // split_ is what is left of *next_
};

/// Goes on until all parts are done, after a first call whose result was `result`. Bytes that are done count more than
/// the error, the time limit or the cancellation that stops the rest.
///
/// step(parts, moved): the next call, result as read() and write(); 0 is the end of the stream.
/// may_wait(): parks until the next step makes sense; false with errno: stop here.
template <class Step, class MayWait>
ssize_t finish(Parts parts, ssize_t result, Step step, MayWait may_wait) noexcept {
  ssize_t moved = 0;
  for (;; result = step(parts, moved)) {
    if (result == 0) return moved;
    if (result > 0) {
      moved += result;
      parts.advance(static_cast<std::size_t>(result));
      if (parts.is_empty()) return moved;
    } else if (errno == EINTR) {
      continue;
    } else if (errno != EAGAIN) {
      return moved > 0 ? moved : -1;
    }
    if (!may_wait()) return moved > 0 ? moved : -1;
  }
}

}  // namespace runtime::inline v1::posix
