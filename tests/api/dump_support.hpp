#pragma once

// What the tests of dumps share: finding a task's part of the text, and functions whose frames stay.

#include <cstddef>
#include <string>

#define RUNTIME_TEST_NOINLINE __attribute__((noinline))

namespace api_test {

/// Where the library can walk stacks that are stopped (src/fiber/walk.cpp).
#if defined(__x86_64__)
inline constexpr bool kWalks = true;
#else
inline constexpr bool kWalks = false;
#endif

/// Frames of instrumented code are several times as large.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::size_t kSmallestForDump = 256 * 1024;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr std::size_t kSmallestForDump = 256 * 1024;
#else
inline constexpr std::size_t kSmallestForDump = 16 * 1024;
#endif
#else
inline constexpr std::size_t kSmallestForDump = 16 * 1024;
#endif

/// At the end of a function: what it called before was no tail call, so its frame is there.
inline void keep_frame() { __asm__ volatile("" ::: "memory"); }

inline bool contains(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }
inline bool starts_with(const std::string& text, const std::string& words) { return text.compare(0, words.size(), words) == 0; }

/// The lines of the task of that name; empty when it is not in the dump.
inline std::string section(const std::string& text, const std::string& name) {
  const std::size_t named = text.find(" \"" + name + "\": ");
  if (named == std::string::npos) return {};
  const std::size_t begin = text.rfind('\n', named) + 1;
  const std::size_t end = text.find("\ntask ", named);
  return text.substr(begin, end == std::string::npos ? end : end + 1 - begin);
}

}  // namespace api_test
