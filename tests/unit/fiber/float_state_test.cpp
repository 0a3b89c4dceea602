#include "fiber/float_state.hpp"

#include <cfenv>
#include <cstddef>
#include <cstdint>

#include <doctest/doctest.h>

#include "base/valgrind.hpp"
#include "fiber/switch.hpp"

using namespace runtime::fiber;

namespace {

// Valgrind keeps the control words, but computes in its own way and raises no flags.
const bool valgrind = runtime::base::under_valgrind();

/// The mode of the processor at the end of a test is the one at its beginning.
struct KeptEnvironment {
  KeptEnvironment() { std::fegetenv(&environment); }
  ~KeptEnvironment() { std::fesetenv(&environment); }
  std::fenv_t environment;
};

double third() {
  const volatile double one = 1.0, three = 3.0;
  const volatile double result = one / three;  // volatile: computed also where nobody looks at it
  return result;
}

}  // namespace

TEST_CASE_FIXTURE(KeptEnvironment, "applying a state brings its rounding back") {
  const FloatState nearest = FloatState::current();
  const double expected = third();
  std::fesetround(FE_UPWARD);
  if (!valgrind) CHECK(third() > expected);
  nearest.apply();
  CHECK(std::fegetround() == FE_TONEAREST);
  CHECK(third() == expected);
}

TEST_CASE_FIXTURE(KeptEnvironment, "a state is what the thread had, not the default") {
  std::fesetround(FE_DOWNWARD);
  const FloatState downward = FloatState::current();
  std::fesetround(FE_TONEAREST);
  downward.apply();
  CHECK(std::fegetround() == FE_DOWNWARD);
}

TEST_CASE_FIXTURE(KeptEnvironment,
                  "the flags of earlier computations are no part of a state" * doctest::skip(valgrind)) {
  std::feclearexcept(FE_ALL_EXCEPT);
  const FloatState state = FloatState::current();
  third();
  CHECK(std::fetestexcept(FE_INEXACT) != 0);
  state.apply();
  CHECK(std::fetestexcept(FE_INEXACT) != 0);
}

TEST_CASE_FIXTURE(KeptEnvironment, "a context that a state was put into has it when somebody goes on there") {
  if (!contexts_keep_float_state()) return;  // the scheduler applies it instead
  const FloatState nearest = FloatState::current();
  std::fesetround(FE_UPWARD);
  const FloatState upward = FloatState::current();
  alignas(16) static std::byte stack[16 * 1024];
  void* context = boost::context::detail::make_fcontext(stack + sizeof stack, sizeof stack, [](auto from) {
    for (;;) from = boost::context::detail::jump_fcontext(from.fctx, reinterpret_cast<void*>(std::intptr_t{std::fegetround()}));
  });
  CHECK(upward.is_in(context));
  const auto round_there = [&context] {
    const auto back = boost::context::detail::jump_fcontext(context, nullptr);
    context = back.fctx;
    return static_cast<int>(reinterpret_cast<std::intptr_t>(back.data));
  };
  CHECK(round_there() == FE_UPWARD);
  nearest.put_into(context);
  CHECK(nearest.is_in(context));
  CHECK_FALSE(upward.is_in(context));
  CHECK(round_there() == FE_TONEAREST);
  CHECK(std::fegetround() == FE_UPWARD);
}
