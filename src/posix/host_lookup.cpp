#include "posix/host_lookup.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "io/offload.hpp"

namespace runtime::inline v1::posix {
namespace {

constexpr std::size_t kAlignment = 16;
constexpr std::size_t kLargest = 16 << 20;  // of an answer: some say "unlimited"

/// A lookup that may outlive its caller, and therefore borrows nothing. The C library puts an answer into one buffer
/// with pointers into itself; ours has that buffer's size, and its alignment, so that it has room for exactly as much.
///
/// Owns: a copy of the question, and the answer.
class Lookup final : public io::DetachedJob {
 public:
  /// Null: no memory.
  static Lookup* make(const HostQuestion& question, const HostAnswer& answer) noexcept {
    std::unique_ptr<Lookup> lookup(new (std::nothrow) Lookup(question, answer));
    return lookup != nullptr && lookup->key_ != nullptr && lookup->memory_ != nullptr ? lookup.release() : nullptr;
  }

  void run() noexcept override {
    question_.key = key_.get();
    errno = 0;  // not what an earlier job has left
    code_ = ask(question_, HostAnswer{&entry_, buffer_, size_, &found_, &host_error_});
    errno_ = errno;
  }
  void release() noexcept override { delete this; }

  /// After run(): the answer becomes the caller's.
  int take(const HostAnswer& into) const noexcept {
    *into.error = host_error_;
    *into.found = found_ == nullptr ? nullptr : into.entry;
    if (found_ != nullptr) {
      std::memcpy(into.buffer, buffer_, size_);
      *into.entry = entry_;
      move(into);
    } else {
      errno = errno_;
    }
    return code_;
  }

 private:
  Lookup(const HostQuestion& question, const HostAnswer& answer) noexcept
      : question_(question),
        key_(new (std::nothrow) char[question.size + 1]()),
        memory_(new (std::nothrow) char[std::min(answer.size, kLargest) + 2 * kAlignment]),
        size_(std::min(answer.size, kLargest)),
        host_error_(*answer.error) {
    if (key_ == nullptr || memory_ == nullptr) return;
    std::memcpy(key_.get(), question.key, question.size);
    const auto place = [](const void* memory) { return reinterpret_cast<std::uintptr_t>(memory) % kAlignment; };
    buffer_ = memory_.get() + (place(answer.buffer) + kAlignment - place(memory_.get())) % kAlignment;
  }
  ~Lookup() = default;
  friend std::default_delete<Lookup>;

  /// A pointer into our buffer, as one into the caller's.
  template <class T>
  void move(T*& pointer, const HostAnswer& into) const noexcept {
    if (pointer == nullptr) return;
    const auto offset = reinterpret_cast<std::uintptr_t>(pointer) - reinterpret_cast<std::uintptr_t>(buffer_);
    if (offset < size_) pointer = reinterpret_cast<T*>(into.buffer + offset);
  }
  void move(const HostAnswer& into) const noexcept {
    hostent& entry = *into.entry;
    move(entry.h_name, into);
    move(entry.h_aliases, into);
    move(entry.h_addr_list, into);
    for (char** list : {entry.h_aliases, entry.h_addr_list}) {
      for (; list != nullptr && *list != nullptr; ++list) move(*list, into);
    }
  }

  HostQuestion question_;
  const std::unique_ptr<char[]> key_;
  const std::unique_ptr<char[]> memory_;
  char* buffer_ = nullptr;  // in memory_, aligned as the caller's
  const std::size_t size_;
  hostent entry_{};
  hostent* found_ = nullptr;
  int host_error_;  // not written for every answer
  int code_ = 0;
  int errno_ = 0;
};

int refuse(const HostAnswer& answer, int error) noexcept {
  *answer.found = nullptr;
  *answer.error = NETDB_INTERNAL;
  errno = error;
  return error;
}

}  // namespace

int ask(const HostQuestion& question, const HostAnswer& answer) noexcept {
  if (question.by_address) {
    return ::gethostbyaddr_r(question.key, static_cast<socklen_t>(question.size), question.family, answer.entry,
                             answer.buffer, answer.size, answer.found, answer.error);
  }
  const char* name = static_cast<const char*>(question.key);
  return ::gethostbyname2_r(name, question.family, answer.entry, answer.buffer, answer.size, answer.found,
                            answer.error);
}

int ask_on_pool(const HostQuestion& question, const HostAnswer& answer) noexcept {
  Lookup* lookup = Lookup::make(question, answer);
  if (lookup == nullptr) return refuse(answer, ENOMEM);
  if (const int refused = io::offload_detachable(*lookup); refused != 0) return refuse(answer, refused);
  const int code = lookup->take(answer);
  lookup->release();
  return code;
}

}  // namespace runtime::inline v1::posix
