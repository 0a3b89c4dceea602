#pragma once

#include <cfenv>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace runtime::inline v1::fiber {

/// Rounding mode and exception masks of the floating-point units.
///
/// The switch keeps them per fiber by itself (jump_fcontext saves MXCSR and the x87 control word); this is for the start
/// of a task, which has those of the thread that called block_on, whatever the last task on that stack did.
class FloatState final {
 public:
#if defined(__x86_64__)
  static FloatState current() noexcept {
    FloatState state;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(state.mxcsr_), "=m"(state.x87_));
    state.mxcsr_ &= ~kStatusBits;
    return state;
  }
  /// Reading is cheap and writing is not, so it writes only what differs.
  void apply() const noexcept {
    const FloatState now = current();
    if (now.mxcsr_ == mxcsr_ && now.x87_ == x87_) return;
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr_), "m"(x87_));
  }
  /// Whoever switches to this context has it. Only where contexts_keep_float_state().
  void put_into(void* context) const noexcept {
    std::memcpy(context, &mxcsr_, sizeof mxcsr_);
    std::memcpy(static_cast<std::byte*>(context) + sizeof mxcsr_, &x87_, sizeof x87_);
  }
  /// What a context has where put_into() writes is this one.
  bool is_in(const void* context) const noexcept {
    FloatState kept;
    std::memcpy(&kept.mxcsr_, context, sizeof mxcsr_);
    std::memcpy(&kept.x87_, static_cast<const std::byte*>(context) + sizeof mxcsr_, sizeof x87_);
    return (kept.mxcsr_ & ~kStatusBits) == mxcsr_ && kept.x87_ == x87_;
  }

 private:
  static constexpr std::uint32_t kStatusBits = 0x3f;  // sticky exception flags: results, not control
  std::uint32_t mxcsr_ = 0x1f80;
  std::uint16_t x87_ = 0x037f;
#else
  static FloatState current() noexcept {
    FloatState state;
    std::fegetenv(&state.environment_);
    return state;
  }
  void apply() const noexcept { std::fesetenv(&environment_); }
  void put_into(void*) const noexcept {}
  bool is_in(const void*) const noexcept { return false; }

 private:
  std::fenv_t environment_;
#endif
};

}  // namespace runtime::inline v1::fiber
