#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <type_traits>
#include <utility>

namespace runtime {
inline namespace v1 {
namespace detail {

/// What the library knows of a closure and its result: how big they are and what can be done with them.
///
/// One constant of this type exists for each closure type, in the program that spawns it. `size` comes first, so that
/// a later library can tell which members an older program has.
struct CellTable {
  std::uint32_t size;
  std::uint32_t align;
  std::uint64_t body_size;
  std::uint64_t result_offset;
  void (*run)(void* body);                      // calls the closure and constructs the result in place; may throw
  void (*drop_closure)(void* body) noexcept;    // destroys the closure, run or not; null: nothing to do
  void (*drop_result)(void* body) noexcept;     // destroys a result that run() has made; null: nothing to do
};

/// Where a result sits: as itself, as a pointer when it is a reference, as nothing when it is void.
template <class R>
struct ResultSlot {
  R value;
  R take() { return std::move(value); }
};
template <class R>
struct ResultSlot<R&> {
  R* pointer;
  R& take() { return *pointer; }
};
template <>
struct ResultSlot<void> {
  void take() {}
};

/// A closure F at the start of a block of memory and, behind it, the place for its result R.
template <class F, class R>
struct BodyLayout {
  using Slot = ResultSlot<R>;
  static constexpr std::size_t kResultOffset = (sizeof(F) + alignof(Slot) - 1) / alignof(Slot) * alignof(Slot);
  static constexpr std::size_t kSize = std::is_void_v<R> ? sizeof(F) : kResultOffset + sizeof(Slot);
  static constexpr std::size_t kAlign = alignof(F) > alignof(Slot) ? alignof(F) : alignof(Slot);

  static F& closure(void* body) noexcept { return *std::launder(static_cast<F*>(body)); }
  static void* slot(void* body) noexcept { return static_cast<unsigned char*>(body) + kResultOffset; }

  static void run(void* body) {
    if constexpr (std::is_void_v<R>) {
      std::invoke(std::move(closure(body)));
    } else if constexpr (std::is_reference_v<R>) {
      ::new (slot(body)) Slot{&std::invoke(std::move(closure(body)))};
    } else {
      ::new (slot(body)) Slot{std::invoke(std::move(closure(body)))};
    }
  }
  static void drop_closure(void* body) noexcept { closure(body).~F(); }
  static void drop_result(void* body) noexcept {
    if constexpr (!std::is_void_v<R>) std::launder(static_cast<Slot*>(slot(body)))->~Slot();
  }

  static constexpr CellTable kTable = {
      sizeof(CellTable), kAlign, kSize, kResultOffset, run,
      std::is_trivially_destructible_v<F> ? nullptr : drop_closure,
      std::is_void_v<R> || std::is_trivially_destructible_v<Slot> ? nullptr : drop_result};
};

/// The type of what a task made of F gives back: T, T& or void.
template <class F>
using TaskResult = std::remove_cv_t<std::invoke_result_t<std::decay_t<F>>>;

}  // namespace detail
}  // namespace v1
}  // namespace runtime
