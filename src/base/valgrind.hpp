#pragma once

#include <cstdint>

namespace runtime::inline v1::base {

/// Valgrind's client requests, the three that concern stacks.
///
/// A request is a sequence of instructions that does nothing on a real processor and that Valgrind recognises, with the
/// request's address in rax and the default answer in rdx. It is written out here, because the header that has it
/// belongs to a package that building this library must not need.
/// See: Valgrind manual, "The Client Request mechanism".
inline std::uintptr_t valgrind_request(std::uintptr_t request, std::uintptr_t a = 0, std::uintptr_t b = 0) noexcept {
#if defined(__x86_64__)
  const volatile std::uintptr_t words[6] = {request, a, b, 0, 0, 0};
  std::uintptr_t answer = 0;
  __asm__ volatile(
      "rolq $3, %%rdi\n\trolq $13, %%rdi\n\trolq $61, %%rdi\n\trolq $51, %%rdi\n\txchgq %%rbx, %%rbx"
      : "+d"(answer)
      : "a"(&words[0])
      : "cc", "memory");
  return answer;
#else
  static_cast<void>(request), static_cast<void>(a), static_cast<void>(b);
  return 0;
#endif
}

inline bool under_valgrind() noexcept { return valgrind_request(0x1001) != 0; }

/// Tells Valgrind that [low, high) is a stack; the answer is its number for valgrind_forget_stack().
inline std::uintptr_t valgrind_note_stack(const void* low, const void* high) noexcept {
  return valgrind_request(0x1501, reinterpret_cast<std::uintptr_t>(low), reinterpret_cast<std::uintptr_t>(high));
}
/// Tells memcheck that [low, low + size) may be written again, whatever a stack pointer did there before.
inline void valgrind_make_undefined(const void* low, std::uintptr_t size) noexcept {
  valgrind_request(0x4d430001, reinterpret_cast<std::uintptr_t>(low), size);
}
inline void valgrind_forget_stack(std::uintptr_t id) noexcept { valgrind_request(0x1502, id); }

}  // namespace runtime::inline v1::base
