#pragma once

#include <cerrno>
#include <cstdlib>

namespace runtime::preload {

/// Where a call without a buffer of the caller's (getpwnam, gethostbyname) keeps its answer: one for each fiber and
/// each call, where the C library has one for the whole process. Valid until the fiber makes the same call again, or
/// ends.
///
/// Thread safety: the fiber's own. Owns: the text that the entry points into.
template <class Entry>
class Answer final {
 public:
  Answer() = default;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() { std::free(text_); }

  /// Calls fetch(entry, text, size), with more room for as long as it returns ERANGE. Returns what it did last; ENOMEM
  /// without memory for the text.
  template <class Fetch>
  int fill(Fetch fetch) noexcept {
    for (int result = ERANGE;;) {
      if (size_ != 0) result = fetch(&entry_, text_, size_);
      if (result != ERANGE) return result;
      void* larger = std::realloc(text_, size_ == 0 ? kFirst : 2 * size_);
      if (larger == nullptr) return ENOMEM;
      text_ = static_cast<char*>(larger);
      size_ = size_ == 0 ? kFirst : 2 * size_;
    }
  }

 private:
  static constexpr std::size_t kFirst = 1024;

  Entry entry_{};
  char* text_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace runtime::preload
