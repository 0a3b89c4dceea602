#pragma once

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <runtime/detail/late_result.hpp>
#include <runtime/error.hpp>
#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

class TokenNode;

/// While it lives, the calling code is cancelled when the token is. Thread safety: one thread, or one fiber.
class RUNTIME_API TokenScope final {
 public:
  explicit TokenScope(TokenNode* token) noexcept;
  TokenScope(const TokenScope&) = delete;
  TokenScope& operator=(const TokenScope&) = delete;
  ~TokenScope();

  /// In a handler of Cancelled: rethrows it unless it was thrown for this token.
  void filter();

 private:
  class RUNTIME_LOCAL Impl;
  Impl* impl_;  // null on a thread without a fiber
  alignas(8) unsigned char storage_[192];
};

}  // namespace detail

class DropGuard;

/// Asks many to end at once: whoever waits for the token, or runs under it. Tokens form a tree; cancelling one cancels all
/// below it.
///
/// Copies are equal: they are the same token. Thread safety: any thread. Shared: the node, by all copies and children.
class RUNTIME_API CancellationToken final {
 public:
  /// A token of its own. Throws: std::bad_alloc.
  CancellationToken();
  CancellationToken(const CancellationToken& other) noexcept;
  CancellationToken(CancellationToken&& other) noexcept : CancellationToken(static_cast<const CancellationToken&>(other)) {}
  CancellationToken& operator=(const CancellationToken& other) noexcept;
  ~CancellationToken();

  /// Cancels this token and every token below it. The first call counts; it runs no code of those who wait.
  void cancel() const noexcept;
  bool is_cancelled() const noexcept;
  /// A token that is cancelled with this one, and can be by itself; cancelled from birth if this one is.
  /// Throws: std::bad_alloc.
  CancellationToken child_token() const;

  /// Waits until the token is cancelled. Parks: until then. Throws: Cancelled, when the caller is.
  void wait() const;

  /// Calls f on this fiber, unless the token is cancelled or is so before f is done: f is unwound then, as by timeout().
  ///
  /// Gives f's result (true for void), or nullopt (false). f is never called under a token that is cancelled already. On a
  /// thread without a fiber f runs to its end: nothing can unwind it there.
  /// Throws: what f throws; Cancelled, when the caller is.
  template <class F>
  auto run_until_cancelled(F&& f) const {
    using R = std::invoke_result_t<F&&>;
    detail::LateResult<R> result;
    if (!is_cancelled()) {
      detail::TokenScope scope(node_);
      try {
        result.fill([&f]() -> R { return std::invoke(std::forward<F>(f)); });
      } catch (const Cancelled&) {
        scope.filter();
      }
    }
    if constexpr (std::is_void_v<R>) {
      return result.is_full();
    } else {
      using Value = detail::ResultValue<R>;
      return result.is_full() ? std::optional<Value>(result.take()) : std::optional<Value>();
    }
  }

  /// Cancels the token when it goes out of scope.
  [[nodiscard]] DropGuard drop_guard() const;

  friend bool operator==(const CancellationToken& a, const CancellationToken& b) noexcept { return a.node_ == b.node_; }
  friend bool operator!=(const CancellationToken& a, const CancellationToken& b) noexcept { return a.node_ != b.node_; }

 private:
  explicit CancellationToken(detail::TokenNode* node) noexcept : node_(node) {}

  detail::TokenNode* node_;
};

/// Cancels a token when it is destroyed. Owns: a copy of the token.
class DropGuard final {
 public:
  explicit DropGuard(CancellationToken token) noexcept : token_(std::move(token)) {}
  DropGuard(DropGuard&& other) noexcept : token_(std::move(other.token_)) { other.token_.reset(); }
  DropGuard& operator=(DropGuard&& other) noexcept {
    if (this != &other) {
      if (token_) token_->cancel();
      token_ = std::move(other.token_);
      other.token_.reset();
    }
    return *this;
  }
  ~DropGuard() {
    if (token_) token_->cancel();
  }

  /// Gives the token back, uncancelled; the guard does nothing any more. Once.
  CancellationToken disarm() {
    CancellationToken token = *token_;
    token_.reset();
    return token;
  }

 private:
  std::optional<CancellationToken> token_;
};

inline DropGuard CancellationToken::drop_guard() const { return DropGuard(*this); }

}  // namespace v1
}  // namespace runtime
