#include "fiber/walk.hpp"

#include <elf.h>
#include <link.h>
#include <unwind.h>

namespace runtime::inline v1::fiber {
namespace {

struct Walk {
  Frames* frames;
  std::uintptr_t from;  // frames are taken once one in [from, to) has been passed
  std::uintptr_t to;
  bool is_past;
};

_Unwind_Reason_Code on_frame(_Unwind_Context* context, void* arg) noexcept {
  auto& walk = *static_cast<Walk*>(arg);
  const std::uintptr_t address = _Unwind_GetIP(context);
  if (address == 0) return _URC_END_OF_STACK;
  if (!walk.is_past) {
    walk.is_past = address > walk.from && address <= walk.to;
    return _URC_NO_REASON;
  }
  Frames& frames = *walk.frames;
  if (frames.count == Frames::kMost) {
    frames.is_cut = true;
    return _URC_END_OF_STACK;
  }
  frames.addresses[frames.count++] = address;
  return _URC_NO_REASON;
}

}  // namespace

Frames walk_here() noexcept {
  Frames frames;
  Walk walk{&frames, 0, 0, true};
  _Unwind_Backtrace(&on_frame, &walk);
  return frames;
}

#if defined(__x86_64__)

// A frame whose caller, as unwinders see it, is the stopped code: its unwind table says that the saved registers are in
// the context that jump_fcontext left at `context`. Boost.Context keeps them there, from its version 1.61 on, as MXCSR and
// x87 control word, r12, r13, r14, r15, rbx, rbp, and the return address.
extern "C" __attribute__((visibility("hidden"))) void runtime_walk_from(void* context, void (*take)(void*), void* arg) noexcept;
extern "C" __attribute__((visibility("hidden"))) const char runtime_walk_from_end[];

__asm__(
    ".text\n"
    ".p2align 4\n"
    ".globl runtime_walk_from\n"
    ".hidden runtime_walk_from\n"
    ".type runtime_walk_from, @function\n"
    "runtime_walk_from:\n"
    ".cfi_startproc\n"
    "endbr64\n"
    "pushq %rbx\n"
    ".cfi_adjust_cfa_offset 8\n"
    ".cfi_rel_offset rbx, 0\n"
    "movq %rdi, %rbx\n"
    "movq %rdx, %rdi\n"
    ".cfi_remember_state\n"
    ".cfi_def_cfa rbx, 64\n"
    ".cfi_offset rip, -8\n"
    ".cfi_offset rbp, -16\n"
    ".cfi_offset rbx, -24\n"
    ".cfi_offset r15, -32\n"
    ".cfi_offset r14, -40\n"
    ".cfi_offset r13, -48\n"
    ".cfi_offset r12, -56\n"
    "callq *%rsi\n"
    ".cfi_restore_state\n"
    "popq %rbx\n"
    ".cfi_adjust_cfa_offset -8\n"
    ".cfi_restore rbx\n"
    "ret\n"
    ".cfi_endproc\n"
    ".size runtime_walk_from, . - runtime_walk_from\n"
    ".globl runtime_walk_from_end\n"
    ".hidden runtime_walk_from_end\n"
    "runtime_walk_from_end:\n");

// Where the linker has put the header of the library, or of the program that is linked with the library's objects.
extern "C" __attribute__((visibility("hidden"))) const ElfW(Ehdr) __ehdr_start;

namespace {

bool is_code_of_ours(const void* address) noexcept {
  const auto begin = reinterpret_cast<std::uintptr_t>(&__ehdr_start);
  const auto* segment = reinterpret_cast<const ElfW(Phdr)*>(begin + __ehdr_start.e_phoff);
  const auto* const end = segment + __ehdr_start.e_phnum;
  while (segment != end && segment->p_type != PT_LOAD) ++segment;
  if (segment == end) return false;
  // The first segment is the one that begins with the header.
  const std::uintptr_t place = reinterpret_cast<std::uintptr_t>(address) - (begin - segment->p_vaddr);
  for (; segment != end; ++segment) {
    const bool is_code = segment->p_type == PT_LOAD && (segment->p_flags & PF_X) != 0;
    if (is_code && place - segment->p_vaddr < segment->p_memsz) return true;
  }
  return false;
}

}  // namespace

Frames walk(const Fiber& stopped) noexcept {
  Frames frames;
  if (stopped.context == nullptr) return frames;
  // The code that stopped it is ours. If the word in that place is no address of ours, this Boost saves another way.
  // (The dynamic linker knows as well, but it looks through a table of symbols for it: most of the time of a dump.)
  const auto* saved = static_cast<void* const*>(stopped.context);
  if (!is_code_of_ours(saved[7])) return frames;
  Walk walk{&frames, reinterpret_cast<std::uintptr_t>(&runtime_walk_from),
            reinterpret_cast<std::uintptr_t>(&runtime_walk_from_end[0]), false};
  runtime_walk_from(stopped.context, [](void* arg) { _Unwind_Backtrace(&on_frame, arg); }, &walk);
  return frames;
}

#else

Frames walk(const Fiber&) noexcept { return {}; }

#endif

}  // namespace runtime::inline v1::fiber
