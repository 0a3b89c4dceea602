#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <new>
#include <utility>

#include <runtime/export.hpp>
#include <runtime/sync/mutex.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// Lets one after the other try until one has succeeded: the erased half of OnceCell.
///
/// Thread safety: any thread.
class RUNTIME_API OnceGate final {
 public:
  constexpr OnceGate() noexcept = default;

  bool is_done() const noexcept;
  /// True: the caller tries, and has to call succeed() or fail(). False: it is done already.
  /// Throws: Error would_deadlock inside the caller's own try; Cancelled.
  bool begin();
  /// The same without waiting; false as well while somebody else tries.
  bool try_begin() noexcept;
  void succeed() noexcept;
  void fail() noexcept;

 private:
  std::atomic<std::uint32_t> done_{0};
  sync::Mutex trying_;
};

}  // namespace detail

namespace sync {

/// A value that is made once, when it is first needed, by whoever needs it; for fibers and plain threads alike.
///
/// Not to be destroyed while somebody waits in it: that is reported, and ends the program.
/// Thread safety: any thread; what is done with the value is the caller's affair. See: docs.rs/tokio,
/// tokio::sync::OnceCell.
template <class T>
class OnceCell final {
 public:
  constexpr OnceCell() noexcept : empty_() {}
  OnceCell(const OnceCell&) = delete;
  OnceCell& operator=(const OnceCell&) = delete;
  ~OnceCell() {
    if (gate_.is_done()) value_.~T();
  }

  /// The value, made by f() if there is none. One f runs at a time; if it throws or is cancelled, the next who waits runs
  /// his.
  ///
  /// Parks: while somebody else makes the value.
  /// Throws: what f throws; Error would_deadlock inside f itself; Cancelled, unless the value is there.
  template <class F>
  T& get_or_init(F&& f) {
    if (!gate_.is_done() && gate_.begin()) make([&f]() -> T { return std::invoke(std::forward<F>(f)); });
    return value_;
  }
  /// Null: there is no value yet.
  T* get() noexcept { return gate_.is_done() ? &value_ : nullptr; }
  const T* get() const noexcept { return gate_.is_done() ? &value_ : nullptr; }
  /// False when there is a value already, or somebody is making one. Never waits.
  bool set(T&& value) {
    if (!gate_.try_begin()) return false;
    make([&value]() -> T { return std::move(value); });
    return true;
  }
  bool set(const T& value) { return set(T(value)); }
  bool initialized() const noexcept { return gate_.is_done(); }

 private:
  template <class Make>
  void make(Make make) {
    struct Try {
      detail::OnceGate& gate;
      bool has_value = false;
      ~Try() { has_value ? gate.succeed() : gate.fail(); }
    } attempt{gate_};
    ::new (static_cast<void*>(&value_)) T(make());
    attempt.has_value = true;
  }

  detail::OnceGate gate_;
  union {
    char empty_;
    T value_;
  };
};

}  // namespace sync
}  // namespace v1
}  // namespace runtime
