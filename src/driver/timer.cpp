#include "driver/timer.hpp"

#include "task/park.hpp"

namespace runtime::inline v1::driver {

void TimerHeap::arm(Timer& timer) noexcept {
  timer.order_ = armed_++;
  timer.armed_ = true;
  adopt(timer);
}

void TimerHeap::disarm(Timer& timer) noexcept {
  if (!timer.armed_) return;
  timer.armed_ = false;
  if (&timer == root_) {
    root_ = meld_siblings(timer.child_);
  } else {
    (timer.back_->child_ == &timer ? timer.back_->child_ : timer.back_->sibling_) = timer.sibling_;
    if (timer.sibling_ != nullptr) timer.sibling_->back_ = timer.back_;
    root_ = meld(root_, meld_siblings(timer.child_));
  }
  timer.child_ = timer.sibling_ = timer.back_ = nullptr;
}

std::size_t TimerHeap::fire(base::Nanos now) noexcept {
  std::size_t fired = 0;
  for (; root_ != nullptr && root_->deadline_ <= now; ++fired) {
    Timer& timer = *root_;
    disarm(timer);
    timer.fired_ = true;
    if (timer.scope_ != nullptr) {
      timer.scope_->cancel();
    } else {
      task::wake(timer.task_);
    }
  }
  return fired;
}

// Two heaps become one: the later root becomes the first child of the earlier.
Timer* TimerHeap::meld(Timer* a, Timer* b) noexcept {
  if (a == nullptr) return b;
  if (b == nullptr) return a;
  if (b->is_before(*a)) {
    Timer* swapped = a;
    a = b;
    b = swapped;
  }
  b->sibling_ = a->child_;
  if (a->child_ != nullptr) a->child_->back_ = b;
  b->back_ = a;
  a->child_ = b;
  a->sibling_ = nullptr;
  a->back_ = nullptr;
  return a;
}

// Orphaned siblings become one heap: melded in pairs from the left, then the pairs from the right. Two loops, so that a
// hundred thousand siblings need no stack.
Timer* TimerHeap::meld_siblings(Timer* first) noexcept {
  Timer* pairs = nullptr;  // linked through sibling_, the last pair first
  while (first != nullptr) {
    Timer* a = first;
    Timer* b = a->sibling_;
    first = b != nullptr ? b->sibling_ : nullptr;
    a->sibling_ = nullptr;
    if (b != nullptr) b->sibling_ = nullptr;
    Timer* pair = meld(a, b);
    pair->sibling_ = pairs;
    pairs = pair;
  }
  Timer* result = nullptr;
  while (pairs != nullptr) {
    Timer* next = pairs->sibling_;
    pairs->sibling_ = nullptr;
    result = meld(result, pairs);
    pairs = next;
  }
  if (result != nullptr) result->back_ = nullptr;
  return result;
}

}  // namespace runtime::inline v1::driver
