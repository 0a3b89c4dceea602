#pragma once

#include <poll.h>
#include <sys/select.h>

#include <cstddef>
#include <memory>

namespace runtime::inline v1::posix {

/// The three sets of a select(), which may be larger than an fd_set: what is asked, kept apart from what is answered.
///
/// Thread safety: the fiber's own. Borrows: the program's sets, each of which may be null.
class SelectSets final {
 public:
  SelectSets(int count, fd_set* readable, fd_set* writable, fd_set* exceptional) noexcept;

  /// Keeps what is asked. False: no memory.
  bool keep() noexcept;
  /// One look with select(2), which no signal ends: its result. Only when that is positive the program's sets change.
  int look() noexcept;
  /// The answer "nothing is ready".
  void clear() noexcept;
  /// The same descriptors as poll(2) takes them; null: no memory. To be deleted by the caller.
  std::unique_ptr<pollfd[]> list(nfds_t& length) const noexcept;

 private:
  using Word = unsigned long;  // as in the kernel
  static constexpr int kWordBits = 8 * sizeof(Word);
  static constexpr std::size_t kKinds = 3;
  static constexpr std::size_t kFewWords = FD_SETSIZE / kWordBits;

  Word* asked(std::size_t kind) const noexcept { return memory_ + kind * words_; }
  Word* answer(std::size_t kind) const noexcept { return memory_ + (kKinds + kind) * words_; }
  bool has(std::size_t kind, int fd) const noexcept;

  const int count_;
  std::size_t words_ = 0;  // of each set, as far as the kernel reads it
  fd_set* const sets_[kKinds];
  Word few_[2 * kKinds * kFewWords];
  std::unique_ptr<Word[]> many_;
  Word* memory_ = few_;
};

}  // namespace runtime::inline v1::posix
