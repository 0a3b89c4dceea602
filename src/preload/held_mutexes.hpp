#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "preload/fiber_words.hpp"

// Which fiber holds which pthread mutex.
//
// The owner is in the mutex itself: glibc's public layout has two pointers that only robust and priority-inheriting
// mutexes use, and every initialiser zeroes them. There the owner's serial number is kept: never a pointer, as a mutex may
// outlive the fiber that locked it, and the fiber's words are soon those of another one. For the names of a fiber's
// mutexes there is a short list in each thread; what is in it is never followed either.

namespace runtime::preload {

/// The mutexes that fibers of this thread have locked. Few are in the thread-local itself, of which there must not be
/// much, or dlopen() finds no room for the library; more are in memory from mmap(), as malloc may be our caller, until
/// none is left. Without memory the oldest is forgotten, which only costs it its place in dumps.
struct HeldMutexes {
  struct Entry {
    const pthread_mutex_t* mutex;
    std::uint64_t fiber;  // its serial
    std::int64_t since;   // nanoseconds of the monotonic clock: when its fiber was first seen to park with it; or 0
  };
  static constexpr unsigned kFew = 4;

  pid_t thread_id;  // the kernel's, or 0: not asked yet
  unsigned count;
  unsigned room;    // entries[0 .. room); 0 before the first
  Entry* entries;
  Entry few[kFew];
};

extern constinit thread_local HeldMutexes held_mutexes [[gnu::tls_model("initial-exec")]];

/// The kernel's id of this thread, as glibc keeps it in a mutex.
pid_t ask_thread_id() noexcept;
inline pid_t thread_id() noexcept {
  const pid_t id = held_mutexes.thread_id;
  return __builtin_expect(id != 0, 1) ? id : ask_thread_id();
}

std::uint64_t give_serial(FiberWords& fiber) noexcept;
inline std::uint64_t serial_of(FiberWords& fiber) noexcept {
  return __builtin_expect(fiber.serial != 0, 1) ? fiber.serial : give_serial(fiber);
}

void make_room_for_held() noexcept;
void give_room_back() noexcept;

inline void add_held(const pthread_mutex_t* mutex, std::uint64_t fiber) noexcept {
  HeldMutexes& held = held_mutexes;
  if (__builtin_expect(held.count == held.room, 0)) make_room_for_held();
  held.entries[held.count++] = {mutex, fiber, 0};
}

/// Nothing when it is not there: locked on another thread, or forgotten.
void remove_held_slowly(const pthread_mutex_t* mutex) noexcept;
inline void remove_held(const pthread_mutex_t* mutex) noexcept {
  HeldMutexes& held = held_mutexes;
  if (__builtin_expect(held.count != 0 && held.entries[held.count - 1].mutex == mutex, 1)) {
    if (__builtin_expect(--held.count == 0 && held.room > HeldMutexes::kFew, 0)) give_room_back();
  } else {
    remove_held_slowly(mutex);
  }
}

/// Times a fiber parked in a call of ours while it held a mutex; counted while switches are watched.
extern constinit std::atomic<std::uint64_t> parks_with_mutexes;

/// The fiber stops, which counts when it does so in a call of ours. Within the switch.
void note_stop_with_held(const FiberWords& fiber) noexcept;

/// "holds pthread mutex 0x... (library+0x...) for 3 ms, ..."; see runtime_companion::describe.
std::size_t describe_held(const FiberWords& fiber, char* text, std::size_t size) noexcept;

/// In the child of a fork the thread has another id.
void forget_thread_id() noexcept;

}  // namespace runtime::preload
