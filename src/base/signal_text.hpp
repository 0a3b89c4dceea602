#pragma once

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace runtime::inline v1::base {

/// Builds one text and writes it to stderr with one call, where nothing else may be used: in a signal handler, or when
/// memory is short. A text longer than the buffer takes several.
///
/// Thread safety: one thread. Async-signal-safe.
class SignalText final {
 public:
  SignalText& operator<<(std::string_view part) noexcept {
    for (const char c : part) {
      if (size_ == text_.size()) write();
      text_[size_++] = c;
    }
    return *this;
  }
  SignalText& operator<<(std::uint64_t number) noexcept {
    std::array<char, 20> digits;
    std::size_t first = digits.size();
    do {
      digits[--first] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return *this << std::string_view(digits.data() + first, digits.size() - first);
  }

  void write() noexcept {
    const std::size_t size = std::exchange(size_, 0);
    for (std::size_t done = 0; done < size;) {
      const ssize_t n = ::write(STDERR_FILENO, text_.data() + done, size - done);
      if (n <= 0) return;  // nobody is left to be told
      done += static_cast<std::size_t>(n);
    }
  }

 private:
  std::array<char, 1024> text_;
  std::size_t size_ = 0;
};

}  // namespace runtime::inline v1::base
