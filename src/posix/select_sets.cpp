#include "posix/select_sets.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/unique_fd.hpp"

namespace runtime::inline v1::posix {
namespace {

/// How many numbers the process has room for at present. The kernel reads no set beyond that, whatever count says, and
/// programs may have made their sets no larger.
int size_of_fd_table() noexcept {
  char text[1024];
  const base::UniqueFd file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  const ssize_t size = ::read(file.get(), text, sizeof text - 1);
  text[std::max<ssize_t>(size, 0)] = '\0';
  constexpr char kName[] = "FDSize:";
  if (const char* found = std::strstr(text, kName)) return std::atoi(found + sizeof kName - 1);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 30));
}

}  // namespace

SelectSets::SelectSets(int count, fd_set* readable, fd_set* writable, fd_set* exceptional) noexcept
    : count_(count), sets_{readable, writable, exceptional} {}

bool SelectSets::keep() noexcept {
  const int bits =
      count_ > FD_SETSIZE ? std::min(count_, std::max(size_of_fd_table(), FD_SETSIZE)) : std::max(count_, 0);
  words_ = (static_cast<std::size_t>(bits) + kWordBits - 1) / kWordBits;
  if (words_ > kFewWords) {
    many_.reset(new (std::nothrow) Word[2 * kKinds * words_]);
    if (many_ == nullptr) return false;
    memory_ = many_.get();
  }
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (sets_[kind] != nullptr) std::memcpy(asked(kind), sets_[kind], words_ * sizeof(Word));
  }
  return true;
}

int SelectSets::look() noexcept {
  for (;;) {
    fd_set* sets[kKinds] = {};
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      if (sets_[kind] == nullptr) continue;
      std::memcpy(answer(kind), asked(kind), words_ * sizeof(Word));
      sets[kind] = reinterpret_cast<fd_set*>(answer(kind));
    }
    timeval none{0, 0};
    // Beyond our copies there are no descriptors, unless another thread opens them in this moment.
    const int count = count_ < 0 ? count_ : std::min<int>(count_, static_cast<int>(words_) * kWordBits);
    const int ready = ::select(count, sets[0], sets[1], sets[2], &none);
    if (ready < 0 && errno == EINTR) continue;
    for (std::size_t kind = 0; ready > 0 && kind < kKinds; ++kind) {
      if (sets_[kind] != nullptr) std::memcpy(sets_[kind], answer(kind), words_ * sizeof(Word));
    }
    return ready;
  }
}

void SelectSets::clear() noexcept {
  for (fd_set* set : sets_) {
    if (set != nullptr) std::memset(set, 0, words_ * sizeof(Word));
  }
}

bool SelectSets::has(std::size_t kind, int fd) const noexcept {
  return sets_[kind] != nullptr && (asked(kind)[fd / kWordBits] >> (fd % kWordBits) & 1) != 0;
}

std::unique_ptr<pollfd[]> SelectSets::list(nfds_t& length) const noexcept {
  constexpr short kEvents[kKinds] = {POLLIN, POLLOUT, POLLPRI};
  const int end = std::min<int>(count_, static_cast<int>(words_) * kWordBits);
  const auto events_of = [&](int fd) {
    short events = 0;
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      if (has(kind, fd)) events = static_cast<short>(events | kEvents[kind]);
    }
    return events;
  };
  length = 0;
  for (int fd = 0; fd < end; ++fd) length += events_of(fd) != 0;
  std::unique_ptr<pollfd[]> list(new (std::nothrow) pollfd[length]);
  if (list == nullptr) return list;
  pollfd* next = list.get();
  for (int fd = 0; fd < end; ++fd) {
    if (const short events = events_of(fd)) *next++ = pollfd{fd, events, 0};
  }
  return list;
}

}  // namespace runtime::inline v1::posix
