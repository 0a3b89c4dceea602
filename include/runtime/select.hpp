#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include <runtime/detail/late_result.hpp>
#include <runtime/detail/lost.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {

template <class... R>
class Selected;

namespace detail {

/// What one branch does: run(body) calls the function and keeps its result; it throws what the function throws.
struct BranchCall {
  void (*run)(void* body);
  void* body;
};

/// Runs all branches, each on a fiber of its own, until one has ended and the others are unwound. Gives the index of the
/// first, and what left it.
/// Throws: Error no_runtime; Cancelled; std::bad_alloc.
RUNTIME_API std::size_t race(const BranchCall* calls, std::size_t n, std::exception_ptr& thrown);
[[noreturn]] RUNTIME_API void throw_not_selected(std::size_t asked, std::size_t winner);

template <class F>
void run_branch(void* call) {
  static_cast<LateCall<F>*>(call)->run();
}

struct SelectedAccess;

}  // namespace detail

/// What select() gives: which branch was first, and its result.
template <class... R>
class Selected final {
 public:
  Selected(Selected&& other)
      : index_(other.index_), thrown_(std::exchange(other.thrown_, nullptr)), results_(std::move(other.results_)) {}
  Selected& operator=(Selected&&) = delete;
  /// What left the winner and was never asked for is an unhandled exception.
  ~Selected() {
    if (thrown_) detail::report_lost("the first branch of a select()", thrown_);
  }

  /// Counted from 0 in the order of select()'s arguments.
  std::size_t index() const noexcept { return index_; }

  /// The result of the branch that was first; once.
  ///
  /// Throws: what left that branch; Error invalid_argument for any other branch.
  template <std::size_t I>
  std::tuple_element_t<I, std::tuple<R...>> get() {
    if (I != index_) detail::throw_not_selected(I, index_);
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
    return std::get<I>(results_).take();
  }

 private:
  friend struct detail::SelectedAccess;
  Selected(std::size_t index, std::exception_ptr thrown, std::tuple<detail::LateResult<R>...>&& results)
      : index_(index), thrown_(std::move(thrown)), results_(std::move(results)) {}

  std::size_t index_;
  std::exception_ptr thrown_;
  std::tuple<detail::LateResult<R>...> results_;
};

namespace detail {

struct SelectedAccess {
  template <class... R>
  static Selected<R...> make(std::size_t index, std::exception_ptr thrown, LateResult<R>&&... results) {
    return Selected<R...>(index, std::move(thrown), std::tuple<LateResult<R>...>(std::move(results)...));
  }
};

}  // namespace detail

/// Runs all functions concurrently, each on a fiber of its own, until the first of them has ended, by a result or by an
/// exception. The others are cancelled and unwound before this returns, so all may borrow locals.
///
/// Branches start in an order of the runtime's own (Builder::rng_seed()); one that has not started when another ends never
/// does. They share the caller's id, name, task-locals and cancellation; each has its own fiber-locals. What leaves a
/// loser is an unhandled exception.
///
/// Parks: until the first has ended, and then until the others have.
/// Throws: Error no_runtime outside a fiber; std::bad_alloc; Cancelled.
/// Cancellation: cancels all branches, and goes on when they have ended.
template <class... F>
auto select(F&&... f) -> Selected<std::invoke_result_t<F&&>...> {
  static_assert(sizeof...(F) > 0, "select() takes at least one function");
  std::tuple<detail::LateCall<F>...> branches(f...);
  std::exception_ptr thrown;
  return std::apply(
      [&thrown](auto&... branch) {
        const detail::BranchCall calls[] = {{&detail::run_branch<F>, &branch}...};
        const std::size_t winner = detail::race(calls, sizeof...(branch), thrown);
        return detail::SelectedAccess::make(winner, std::move(thrown), std::move(branch.result)...);
      },
      branches);
}

}  // namespace v1
}  // namespace runtime
