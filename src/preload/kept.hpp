#pragma once

#include <locale.h>
#include <pthread.h>
#include <signal.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "preload/fiber_words.hpp"

namespace runtime::preload {

/// What libraries keep per thread, of one fiber: only what the code in it has asked for or changed. A fiber that did
/// neither has none.
///
/// Lives in the fiber's locals, which are destroyed on the fiber when its task ends.
struct Kept {
  static constexpr std::size_t kMostKeys = 8;

  struct Value {
    pthread_key_t key;
    std::uint32_t generation;  // of the key's number
    void* value;
  };

  Kept() noexcept = default;
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  ~Kept();

  locale_t locale = nullptr;        // of uselocale(); null: the thread's
  bool has_mask = false;            // of pthread_sigmask(); else the thread's
  sigset_t mask{};
  bool has_sigpipe = false;         // one was pending when it stopped, which its mask blocks
  int host_error = 0;               // h_errno
  std::array<Value, kMostKeys> values{};  // of the keys that are kept (keys.cpp), the first value_count
  std::size_t value_count = 0;
};

/// The fiber's own, made at the first use; null without memory. On that fiber only.
Kept* kept_of(FiberWords& fiber) noexcept;

/// `from` stops and `to` goes on: what the kernel and the C library keep for the thread becomes that of `to`.
void switch_kept(const FiberWords& from, const FiberWords& to) noexcept;

/// The values of a fiber that ends: their destructors run, or they are kept for another fiber.
void end_values(Kept& kept) noexcept;
/// The mask and the locale of a fiber that ends: the thread's come back.
void end_mask(Kept& kept) noexcept;
void end_locale(Kept& kept) noexcept;

/// pthread_sigmask() of a fiber: 0 or an error number.
int change_on_fiber(FiberWords& fiber, int how, const sigset_t* set, sigset_t* before) noexcept;
/// The code in the fiber has changed its mask: from now on it is the fiber's own.
void keep_mask(FiberWords& fiber, const sigset_t& former, const sigset_t& now) noexcept;

/// A root begins, and what the thread has now is what its fibers begin with; it ends, and what was before is so again.
void begin_threads_own() noexcept;
void end_threads_own() noexcept;

/// The halves of switch_kept().
constexpr std::size_t kDeepest = 4;  // runtimes inside fibers of others; further in they share what is the thread's
void begin_threads_mask(std::size_t depth) noexcept;
void end_threads_mask(std::size_t depth) noexcept;
void begin_threads_locale(std::size_t depth) noexcept;
void end_threads_locale(std::size_t depth) noexcept;
void switch_mask(Kept* from, Kept* to) noexcept;
void switch_locale(Kept* from, Kept* to) noexcept;

}  // namespace runtime::preload
