#pragma once

#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <variant>

#include <runtime/detail/cell.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// The place for what a function will give back: T, T& or void; empty until then.
template <class R>
class LateResult {
 public:
  LateResult() noexcept : empty_() {}
  LateResult(LateResult&& other) noexcept(std::is_reference_v<R> || std::is_nothrow_move_constructible_v<R>) : empty_() {
    if (other.full_) fill([&other]() -> R { return other.slot_.take(); });
  }
  LateResult& operator=(LateResult&&) = delete;
  ~LateResult() {
    if (full_) slot_.~Slot();
  }

  bool is_full() const noexcept { return full_; }
  /// Calls f and keeps what it gives.
  template <class F>
  void fill(F&& f) {
    if constexpr (std::is_reference_v<R>) {
      ::new (static_cast<void*>(&slot_)) Slot{&std::forward<F>(f)()};
    } else {
      ::new (static_cast<void*>(&slot_)) Slot{std::forward<F>(f)()};
    }
    full_ = true;
  }
  R take() { return slot_.take(); }

 private:
  using Slot = ResultSlot<R>;
  union {
    char empty_;
    Slot slot_;
  };
  bool full_ = false;
};

template <>
class LateResult<void> {
 public:
  bool is_full() const noexcept { return full_; }
  template <class F>
  void fill(F&& f) {
    std::forward<F>(f)();
    full_ = true;
  }
  void take() noexcept {}

 private:
  bool full_ = false;
};

/// What a function's result is where there must be a value: std::monostate for void.
template <class R>
using ResultValue = std::conditional_t<std::is_void_v<R>, std::monostate, std::remove_cv_t<std::remove_reference_t<R>>>;

/// A function of the caller's, to be called once while the caller waits, and the place for what it gives. Borrows: it.
template <class F>
class LateCall {
 public:
  using R = std::invoke_result_t<F&&>;
  explicit LateCall(std::remove_reference_t<F>& function) noexcept : function_(std::addressof(function)) {}

  void run() {
    result.fill([this]() -> R { return std::invoke(static_cast<F&&>(*function_)); });
  }

  LateResult<R> result;

 private:
  std::remove_reference_t<F>* function_;
};

template <class R>
decltype(auto) take_value(LateResult<R>& result) {
  if constexpr (std::is_void_v<R>) {
    return std::monostate{};
  } else {
    return result.take();
  }
}

}  // namespace detail
}  // namespace v1
}  // namespace runtime
