#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include <runtime/error.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

class Inner;

/// While it lives, the calling code is the root of block_on: a fiber for waiting, on the caller's own stack.
///
/// Throws (constructor): Error wrong_thread, nested_block_on, shut_down.
/// Thread safety: owner thread.
class RUNTIME_API RootScope final {
 public:
  explicit RootScope(Inner* inner);
  RootScope(const RootScope&) = delete;
  RootScope& operator=(const RootScope&) = delete;
  ~RootScope();

  /// The root's code has ended. If an unhandled exception has stopped the runtime meanwhile, this shuts it down.
  /// Throws: Error shut_down in that case.
  void check();

 private:
  Inner* inner_;
};

/// The body of block_on on the owner thread.
template <class F>
auto run_as_root(Inner* inner, F&& f) -> std::invoke_result_t<F&&> {
  using R = std::invoke_result_t<F&&>;
  RootScope root(inner);
  try {
    if constexpr (std::is_void_v<R>) {
      std::invoke(std::forward<F>(f));
      root.check();
    } else if constexpr (std::is_reference_v<R>) {
      R result = std::invoke(std::forward<F>(f));
      root.check();
      return static_cast<R>(result);
    } else if constexpr (std::is_move_constructible_v<R>) {
      R result = std::invoke(std::forward<F>(f));
      root.check();
      return result;
    } else {
      return std::invoke(std::forward<F>(f));  // it exists only where the caller wants it, so it counts whatever happened
    }
  } catch (const Cancelled&) {
    root.check();
    throw;
  }
}

}  // namespace detail
}  // namespace v1
}  // namespace runtime
