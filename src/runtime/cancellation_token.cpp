#include <runtime/cancellation_token.hpp>

#include <atomic>
#include <mutex>
#include <new>

#include "base/sanitizer.hpp"
#include "runtime/current_fiber.hpp"
#include "task/cancel_scope.hpp"
#include "task/listener.hpp"
#include "task/park.hpp"

namespace runtime::inline v1::detail {
namespace {

/// What all tokens of one tree share. Shared: by its nodes, which come and go on any thread.
struct Tree {
  std::mutex mutex;
  std::atomic<std::size_t> nodes{0};
};

}  // namespace

/// One token. Its parent lives as long as it does; it is in its parent's list until it dies.
class TokenNode final {
 public:
  /// With one reference. Throws: std::bad_alloc.
  explicit TokenNode(TokenNode* parent) : parent_(parent), tree_(parent != nullptr ? parent->tree_ : new Tree) {
    tree_->nodes.fetch_add(1, std::memory_order_relaxed);
    if (parent_ == nullptr) return;
    parent_->add_reference();
    const std::lock_guard lock(tree_->mutex);
    next_ = parent_->first_child_;
    if (next_ != nullptr) next_->previous_ = this;
    parent_->first_child_ = this;
    is_cancelled_.store(parent_->is_cancelled(), std::memory_order_relaxed);
  }
  TokenNode(const TokenNode&) = delete;
  TokenNode& operator=(const TokenNode&) = delete;

  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  static void drop_reference(TokenNode* node) noexcept {
    // A loop: a long line of tokens, each the last that keeps its parent, must not take a frame for each.
    while (node != nullptr && node->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      TokenNode* parent = node->parent_;
      delete node;
      node = parent;
    }
  }

  bool is_cancelled() const noexcept { return is_cancelled_.load(std::memory_order_acquire); }

  void cancel() noexcept {
    const std::lock_guard lock(tree_->mutex);
    // The tree below, each node before its children, without a stack of its own.
    for (TokenNode* node = this;;) {
      const bool was_cancelled = node->is_cancelled();
      if (!was_cancelled) {
        base::happens_before(node);
        node->is_cancelled_.store(true, std::memory_order_release);
        node->listeners_.notify_all();
      }
      if (!was_cancelled && node->first_child_ != nullptr) {  // whoever was cancelled before has told his children
        node = node->first_child_;
        continue;
      }
      while (node != this && node->next_ == nullptr) node = node->parent_;
      if (node == this) return;
      node = node->next_;
    }
  }

  /// False if the token is cancelled already; the listener is not told then.
  bool add(task::Listener& listener) noexcept {
    const std::lock_guard lock(tree_->mutex);
    if (is_cancelled()) return false;
    listeners_.add(listener);
    return true;
  }
  void remove(task::Listener& listener) noexcept {
    const std::lock_guard lock(tree_->mutex);
    listeners_.remove(listener);
  }

  /// The caller has a reference. Throws: Cancelled.
  void wait() {
    task::await_as_listener(*this, task::WaitFor::token);
    base::happens_after(this);
  }

 private:
  ~TokenNode() {
    if (parent_ != nullptr) {
      const std::lock_guard lock(tree_->mutex);
      (previous_ != nullptr ? previous_->next_ : parent_->first_child_) = next_;
      if (next_ != nullptr) next_->previous_ = previous_;
    }
    if (tree_->nodes.fetch_sub(1, std::memory_order_acq_rel) == 1) delete tree_;
  }

  std::atomic<std::size_t> references_{1};
  std::atomic<bool> is_cancelled_{false};   // written under the tree's lock
  TokenNode* const parent_;
  Tree* const tree_;
  TokenNode* first_child_ = nullptr;        // the rest is guarded by the tree's lock
  TokenNode* previous_ = nullptr;
  TokenNode* next_ = nullptr;
  task::ListenerList listeners_;
};

class TokenScope::Impl final : public task::Listener {
 public:
  Impl(TokenNode& token, task::Task& task) noexcept : scope_(task), token_(token), is_listening_(token.add(*this)) {
    token_.add_reference();  // the code inside may give the caller's token another value
    if (!is_listening_) scope_.cancel();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (is_listening_) token_.remove(*this);
    TokenNode::drop_reference(&token_);
  }

  void notify() noexcept override { scope_.cancel(); }
  bool is_target() const noexcept { return scope_.is_target(); }

 private:
  task::CancelScope scope_;
  TokenNode& token_;
  bool is_listening_;
};

TokenScope::TokenScope(TokenNode* token) noexcept : impl_(nullptr) {
  static_assert(sizeof(Impl) <= sizeof storage_ && alignof(Impl) <= 8);
  if (task::Task* task = task::parkable()) impl_ = ::new (static_cast<void*>(storage_)) Impl(*token, *task);
}

TokenScope::~TokenScope() {
  if (impl_ != nullptr) impl_->~Impl();
}

void TokenScope::filter() {
  if (impl_ == nullptr || !impl_->is_target()) throw;
}

}  // namespace runtime::inline v1::detail

namespace runtime::inline v1 {
CancellationToken::CancellationToken() : node_(new detail::TokenNode(nullptr)) {}
CancellationToken::CancellationToken(const CancellationToken& other) noexcept : node_(other.node_) { node_->add_reference(); }
CancellationToken& CancellationToken::operator=(const CancellationToken& other) noexcept {
  other.node_->add_reference();
  detail::TokenNode::drop_reference(node_);
  node_ = other.node_;
  return *this;
}
CancellationToken::~CancellationToken() { detail::TokenNode::drop_reference(node_); }

void CancellationToken::cancel() const noexcept { node_->cancel(); }
bool CancellationToken::is_cancelled() const noexcept {
  if (!node_->is_cancelled()) return false;
  base::happens_after(node_);
  return true;
}
CancellationToken CancellationToken::child_token() const { return CancellationToken(new detail::TokenNode(node_)); }

void CancellationToken::wait() const {
  const CancellationToken self(*this);  // the caller's may be given another value, or go, while we wait
  self.node_->wait();
}

}  // namespace runtime::inline v1
