#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <runtime/detail/locals.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {

/// A value that some code and what it calls finds, without being handed it: bound for the length of one call.
///
/// A spawned task does not inherit it; branches of select() share their caller's. Works in tasks, in the root of block_on,
/// in blocking closures and on plain threads. Usually a global; must outlive every scope().
/// Thread safety: any thread; each sees the bindings of its own code only.
template <class T>
class TaskLocal final {
 public:
  constexpr TaskLocal() noexcept = default;
  TaskLocal(const TaskLocal&) = delete;
  TaskLocal& operator=(const TaskLocal&) = delete;

  /// Calls f, inside which this variable is `value`; scopes nest. The value is destroyed when f has returned or thrown.
  template <class F>
  auto scope(T value, F&& f) const -> std::invoke_result_t<F&&> {
    struct Bound {
      explicit Bound(const void* key, T& bound) noexcept : binding{key, std::addressof(bound), nullptr} {
        detail::bind(binding);
      }
      Bound(const Bound&) = delete;
      Bound& operator=(const Bound&) = delete;
      ~Bound() { detail::unbind(binding); }
      detail::Binding binding;
    } const bound(this, value);
    return std::invoke(std::forward<F>(f));
  }

  /// The value. Throws: Error not_set outside every scope().
  T& get() const {
    T* value = find();
    if (value == nullptr) detail::throw_unbound();
    return *value;
  }
  /// A copy of the value, or nullopt outside every scope().
  std::optional<T> try_get() const {
    T* value = find();
    return value != nullptr ? std::optional<T>(*value) : std::nullopt;
  }
  /// Calls f(T&). Throws: Error not_set outside every scope(); what f throws.
  template <class F>
  auto with(F&& f) const -> std::invoke_result_t<F&&, T&> {
    return std::invoke(std::forward<F>(f), get());
  }

 private:
  T* find() const noexcept { return static_cast<T*>(detail::find_bound(this)); }
};

/// One T for each fiber, and for each thread where no fiber runs: made from T() when first used there.
///
/// Destroyed with its fiber, before the task's result is published, the youngest first; with its thread; for the root of
/// block_on, when block_on returns. Its destructor may wait. Branches of select() have values of their own.
/// Usually a global. Thread safety: any thread; each has its own value.
template <class T>
class FiberLocal final {
 public:
  FiberLocal() noexcept : key_(detail::new_local_key()) {}
  FiberLocal(const FiberLocal&) = delete;
  FiberLocal& operator=(const FiberLocal&) = delete;

  /// Throws, the first time on a fiber: std::bad_alloc; what T() throws.
  T& operator*() { return value(); }
  T* operator->() { return std::addressof(value()); }

 private:
  struct Node : detail::LocalValue {
    explicit Node(std::uint64_t its_key) : LocalValue{its_key, &Node::destroy_node, nullptr} {}
    static void destroy_node(LocalValue* self) noexcept { delete static_cast<Node*>(self); }
    T value{};
  };

  T& value() {
    if (detail::LocalValue* found = detail::find_local(key_)) return static_cast<Node*>(found)->value;
    auto node = std::make_unique<Node>(key_);
    detail::add_local(node.get());
    return node.release()->value;
  }

  const std::uint64_t key_;
};

}  // namespace v1
}  // namespace runtime
