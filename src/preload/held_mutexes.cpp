#include "preload/held_mutexes.hpp"

#include <dlfcn.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace runtime::preload {

constinit thread_local HeldMutexes held_mutexes{};
constinit std::atomic<std::uint64_t> parks_with_mutexes = 0;

namespace {

constexpr unsigned kFirstRoom = 512;  // three pages

constinit std::atomic<std::uint64_t> last_serial = 0;

std::int64_t monotonic_now() noexcept {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec;
}

void erase(HeldMutexes& held, unsigned index) noexcept {
  std::copy(held.entries + index + 1, held.entries + held.count, held.entries + index);
  --held.count;
}

/// Text of a bounded length: what does not fit is left out.
class Line final {
 public:
  Line(char* text, std::size_t size) noexcept : text_(text), size_(size) {}

  template <class... Values>
  void add(const char* format, Values... values) noexcept {
    if (length_ + 1 >= size_) return;
    const int written = std::snprintf(text_ + length_, size_ - length_, format, values...);
    if (written > 0) length_ = std::min(length_ + static_cast<std::size_t>(written), size_ - 1);
  }
  std::size_t length() const noexcept { return length_; }

 private:
  char* text_;
  std::size_t size_;
  std::size_t length_ = 0;
};

// A mutex of static storage lies in a library, perhaps under a name that the library exports.
void add_place(Line& line, const void* mutex) noexcept {
  Dl_info place;
  if (::dladdr(mutex, &place) == 0 || place.dli_fname == nullptr) return;
  const char* slash = std::strrchr(place.dli_fname, '/');
  const char* file = slash != nullptr ? slash + 1 : place.dli_fname;
  const bool has_name = place.dli_sname != nullptr;
  const auto* base = static_cast<const char*>(has_name ? place.dli_saddr : place.dli_fbase);
  const auto offset = static_cast<unsigned long>(static_cast<const char*>(mutex) - base);
  if (has_name) {
    line.add(" (%s+0x%lx of %s)", place.dli_sname, offset, file);
  } else {
    line.add(" (%s+0x%lx)", file, offset);
  }
}

}  // namespace

pid_t ask_thread_id() noexcept { return held_mutexes.thread_id = ::gettid(); }

void forget_thread_id() noexcept { held_mutexes.thread_id = 0; }

std::uint64_t give_serial(FiberWords& fiber) noexcept {
  return fiber.serial = last_serial.fetch_add(1, std::memory_order_relaxed) + 1;
}

void make_room_for_held() noexcept {
  HeldMutexes& held = held_mutexes;
  if (held.room == 0) {
    held.entries = held.few;
    held.room = HeldMutexes::kFew;
    return;
  }
  const int errno_before = errno;
  const unsigned room = held.room == HeldMutexes::kFew ? kFirstRoom : held.room * 2;
  void* memory = ::mmap(nullptr, room * sizeof(HeldMutexes::Entry), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    erase(held, 0);
  } else {
    auto* entries = static_cast<HeldMutexes::Entry*>(memory);
    std::copy(held.entries, held.entries + held.count, entries);
    if (held.room > HeldMutexes::kFew) ::munmap(held.entries, held.room * sizeof(HeldMutexes::Entry));
    held.entries = entries;
    held.room = room;
  }
  errno = errno_before;
}

void give_room_back() noexcept {
  HeldMutexes& held = held_mutexes;
  const int errno_before = errno;
  ::munmap(held.entries, held.room * sizeof(HeldMutexes::Entry));
  held.entries = held.few;
  held.room = HeldMutexes::kFew;
  errno = errno_before;
}

void remove_held_slowly(const pthread_mutex_t* mutex) noexcept {
  HeldMutexes& held = held_mutexes;
  for (unsigned i = held.count; i-- > 0;) {
    if (held.entries[i].mutex != mutex) continue;
    erase(held, i);
    if (held.count == 0 && held.room > HeldMutexes::kFew) give_room_back();
    return;
  }
}

void note_stop_with_held(const FiberWords& fiber) noexcept {
  if (fiber.serial == 0 || fiber.visits == 0) return;
  HeldMutexes& held = held_mutexes;
  bool holds = false;
  for (unsigned i = 0; i < held.count; ++i) {
    if (held.entries[i].fiber != fiber.serial) continue;
    holds = true;
    if (held.entries[i].since == 0) held.entries[i].since = monotonic_now();
  }
  if (holds) parks_with_mutexes.fetch_add(1, std::memory_order_relaxed);
}

std::size_t describe_held(const FiberWords& fiber, char* text, std::size_t size) noexcept {
  if (fiber.serial == 0) return 0;
  Line line(text, size);
  for (unsigned i = 0; i < held_mutexes.count; ++i) {
    const HeldMutexes::Entry& entry = held_mutexes.entries[i];
    if (entry.fiber != fiber.serial) continue;
    line.add("%s pthread mutex %p", line.length() == 0 ? "holds" : ",", static_cast<const void*>(entry.mutex));
    add_place(line, entry.mutex);
    if (entry.since != 0) line.add(" for %ld ms", static_cast<long>((monotonic_now() - entry.since) / 1'000'000));
  }
  return line.length();
}

}  // namespace runtime::preload
