#include "preload/raw_call.hpp"

#if !defined(__x86_64__)
#error "the preload library is written for x86-64: here, and in fork.cpp, start.cpp, signal_handlers.cpp"
#endif

// In its own section, so that its two ends are known. The unwinder knows the frame of a signal by the restorer's bytes:
// they are those of the C library's.
__asm__(
    ".pushsection .text.runtime_preload_allowed, \"ax\", @progbits\n"
    ".globl runtime_preload_allowed_begin, runtime_preload_allowed_end\n"
    ".hidden runtime_preload_allowed_begin\n"
    ".hidden runtime_preload_allowed_end\n"
    ".globl runtime_preload_raw_call, runtime_preload_return_from, runtime_preload_restorer\n"
    ".hidden runtime_preload_raw_call\n"
    ".hidden runtime_preload_return_from\n"
    ".hidden runtime_preload_restorer\n"
    "runtime_preload_allowed_begin:\n"
    ".type runtime_preload_raw_call, @function\n"
    "runtime_preload_raw_call:\n"
    "  .cfi_startproc\n"
    "  movq %rdi, %rax\n"
    "  movq %rsi, %rdi\n"
    "  movq %rdx, %rsi\n"
    "  movq %rcx, %rdx\n"
    "  movq %r8, %r10\n"
    "  movq %r9, %r8\n"
    "  movq 8(%rsp), %r9\n"
    "  syscall\n"
    "  ret\n"
    "  .cfi_endproc\n"
    ".size runtime_preload_raw_call, . - runtime_preload_raw_call\n"
    ".type runtime_preload_return_from, @function\n"
    "runtime_preload_return_from:\n"
    "  movq %rdi, %rsp\n"
    ".type runtime_preload_restorer, @function\n"
    "  nop\n"
    ".size runtime_preload_return_from, . - runtime_preload_return_from\n"
    ".align 16\n"
    "__restore_rt:\n"  // the name by which debuggers know it
    "runtime_preload_restorer:\n"
    "  movq $15, %rax\n"
    "  syscall\n"
    ".size runtime_preload_restorer, . - runtime_preload_restorer\n"
    "  ud2\n"
    "runtime_preload_allowed_end:\n"
    ".popsection\n");
