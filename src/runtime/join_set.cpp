#include <runtime/join_set.hpp>

#include <mutex>
#include <utility>

#include "base/backoff.hpp"
#include "base/sanitizer.hpp"
#include "task/join.hpp"
#include "task/listener.hpp"
#include "task/park.hpp"

namespace runtime::inline v1::detail {
namespace {

using task::Task;

/// One task of a set, in the place of its joiner. Owned by the set, which lets it go only when the task has called
/// notify() or will not.
class Member final : public task::JoinWaiter {
 public:
  void notify() noexcept override;

  JoinSetCore* core = nullptr;
  RawJoinHandle handle;
  Member* previous = nullptr;  // of all members; the set's own thread
  Member* next = nullptr;
  Member* next_ended = nullptr;  // guarded by the core's lock
  bool is_ended = false;         // guarded by the core's lock
};

}  // namespace

/// What the tasks of a set tell it. The members are the set's own; the queue of ended ones is shared with whoever ends
/// them.
class JoinSetCore final {
 public:
  ~JoinSetCore() { delete spare_; }

  void reserve() {
    if (spare_ == nullptr) spare_ = new Member;
  }

  void add(RawJoinHandle&& handle) noexcept {
    Member& member = *std::exchange(spare_, nullptr);
    member.core = this;
    member.handle = std::move(handle);
    member.next = first_;
    if (first_ != nullptr) first_->previous = &member;
    first_ = &member;
    ++size_;
    if (task::enlist(*member.handle.task(), member) != task::Enlisted::yes) member.notify();
  }

  // Any thread: the member's task has ended.
  void ended(Member& member) noexcept {
    const std::lock_guard lock(mutex_);
    base::happens_before(this);
    member.is_ended = true;
    member.next_ended = nullptr;
    (last_ended_ != nullptr ? last_ended_->next_ended : first_ended_) = &member;
    last_ended_ = &member;
    listeners_.notify_all();
  }

  bool take_ended(RawJoinHandle& handle) noexcept {
    Member* member;
    {
      const std::lock_guard lock(mutex_);
      member = first_ended_;
      if (member == nullptr) return false;
      first_ended_ = member->next_ended;
      if (first_ended_ == nullptr) last_ended_ = nullptr;
    }
    base::happens_after(this);
    handle = std::move(member->handle);
    remove(*member);
    return true;
  }

  /// False if some task has ended already; the listener is not told then.
  bool add(task::Listener& listener) noexcept {
    const std::lock_guard lock(mutex_);
    if (first_ended_ != nullptr) return false;
    listeners_.add(listener);
    return true;
  }
  void remove(task::Listener& listener) noexcept {
    const std::lock_guard lock(mutex_);
    listeners_.remove(listener);
  }

  void abort_all() noexcept {
    for (Member* member = first_; member != nullptr; member = member->next) member->handle.abort();
  }

  // Empties the set. Whoever is ending a task at this moment is waited for: he knows the member.
  void detach_all() noexcept {
    for (Member* member = first_; member != nullptr; member = member->next) {
      if (!task::withdraw(*member->handle.task(), *member)) wait_for(*member);
    }
    {
      const std::lock_guard lock(mutex_);
      first_ended_ = last_ended_ = nullptr;
    }
    while (first_ != nullptr) {
      const RawJoinHandle handle = std::move(first_->handle);  // results are destroyed once the member has gone
      remove(*first_);
    }
  }

  std::size_t size() const noexcept { return size_; }

 private:
  void remove(Member& member) noexcept {
    (member.previous != nullptr ? member.previous->next : first_) = member.next;
    if (member.next != nullptr) member.next->previous = member.previous;
    --size_;
    delete &member;
  }

  // The task has published its end, and the call of notify() is under way on another thread: a few instructions.
  void wait_for(const Member& member) noexcept {
    for (base::Backoff backoff;; backoff.pause()) {
      const std::lock_guard lock(mutex_);
      if (member.is_ended) return;
    }
  }

  Member* spare_ = nullptr;
  Member* first_ = nullptr;
  std::size_t size_ = 0;

  std::mutex mutex_;
  Member* first_ended_ = nullptr;  // guarded by mutex_, as all below
  Member* last_ended_ = nullptr;
  task::ListenerList listeners_;
};

namespace {
void Member::notify() noexcept { core->ended(*this); }
}  // namespace

RawJoinSet::RawJoinSet() : core_(new JoinSetCore) {}

RawJoinSet::~RawJoinSet() {
  if (core_ == nullptr) return;
  core_->abort_all();
  core_->detach_all();
  delete core_;
}

void RawJoinSet::reserve() {
  if (core_ == nullptr) core_ = new JoinSetCore;  // moved from
  core_->reserve();
}
void RawJoinSet::add(RawJoinHandle&& handle) noexcept { core_->add(std::move(handle)); }
void RawJoinSet::abort_all() noexcept {
  if (core_ != nullptr) core_->abort_all();
}
void RawJoinSet::detach_all() noexcept {
  if (core_ != nullptr) core_->detach_all();
}
std::size_t RawJoinSet::size() const noexcept { return core_ != nullptr ? core_->size() : 0; }

bool RawJoinSet::take_ended(RawJoinHandle& ended, bool wait) {
  task::Task* task = task::parkable();
  if (wait && task != nullptr) task::throw_if_cancelled(*task);
  for (bool has_waited = false;; has_waited = true) {
    if (size() == 0) return false;
    if (core_->take_ended(ended)) {
      if (wait && !has_waited && task != nullptr) task->schedule->spend_budget(*task);
      return true;
    }
    if (!wait) return false;
    task::wait_as_listener(*core_, task::WaitFor::children);
  }
}

void RawJoinSet::shutdown() {
  abort_all();
  for (RawJoinHandle ended; take_ended(ended, true);) ended = RawJoinHandle();
}

}  // namespace runtime::inline v1::detail
