#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

namespace runtime {
inline namespace v1 {
namespace detail {

/// What the library knows of the values a channel carries.
///
/// One constant of this type exists for each T, in the program that makes the channel. `struct_size` comes first, so that
/// a later library can tell which members an older program has.
struct ValueType {
  std::uint32_t struct_size;
  std::uint32_t align;
  std::uint64_t size;
  void (*move)(void* to, void* from);        // constructs *to from *from; may throw. Null: a few bytes to copy
  void (*copy)(void* to, const void* from);  // the same without changing *from. Null: bytes, or nobody asks for copies
  void (*destroy)(void* value) noexcept;     // null: nothing to do
};

template <class T>
struct ValueOf {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_array_v<T>, "a channel carries plain values");
  static_assert(std::is_move_constructible_v<T>, "a channel moves its values");

  static constexpr bool kIsBytes = std::is_trivially_copyable_v<T> && sizeof(T) <= 64;

  static void move(void* to, void* from) { ::new (to) T(std::move(*static_cast<T*>(from))); }
  static void copy(void* to, const void* from) { ::new (to) T(*static_cast<const T*>(from)); }
  static void destroy(void* value) noexcept { static_cast<T*>(value)->~T(); }

  static constexpr auto copier() noexcept -> void (*)(void*, const void*) {
    if constexpr (!kIsBytes && std::is_copy_constructible_v<T>) return &ValueOf::copy;
    return nullptr;
  }
  static constexpr ValueType kType = {
      sizeof(ValueType), alignof(T), sizeof(T), kIsBytes ? nullptr : &ValueOf::move, copier(),
      std::is_trivially_destructible_v<T> ? nullptr : &ValueOf::destroy};
};

/// Where the library puts a value that was received.
template <class T>
class Landing final {
 public:
  Landing() noexcept {}
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;
  ~Landing() {
    if (has_value_) value()->~T();
  }

  void* place() noexcept { return place_; }
  /// `arrived`: a value has been put at the place.
  std::optional<T> take(bool arrived) {
    has_value_ = arrived;
    return arrived ? std::optional<T>(std::move(*value())) : std::nullopt;
  }

 private:
  T* value() noexcept { return std::launder(reinterpret_cast<T*>(place_)); }

  alignas(T) unsigned char place_[sizeof(T)];
  bool has_value_ = false;
};

}  // namespace detail
}  // namespace v1
}  // namespace runtime
