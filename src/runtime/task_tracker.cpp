#include <runtime/task_tracker.hpp>

#include <atomic>
#include <mutex>

#include "base/sanitizer.hpp"
#include "task/listener.hpp"

namespace runtime::inline v1 {
namespace detail {

class TrackerState final {
 public:
  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_reference() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  void add_task() noexcept {
    const std::lock_guard lock(mutex_);
    ++tasks_;
  }
  void remove_task() noexcept {
    const std::lock_guard lock(mutex_);
    base::happens_before(this);
    --tasks_;
    tell_if_over();
  }
  bool set_closed(bool closed) noexcept {
    const std::lock_guard lock(mutex_);
    if (is_closed_ == closed) return false;
    is_closed_ = closed;
    tell_if_over();
    return true;
  }
  bool is_closed() noexcept {
    const std::lock_guard lock(mutex_);
    return is_closed_;
  }
  std::size_t size() noexcept {
    const std::lock_guard lock(mutex_);
    return tasks_;
  }

  /// False if it is over already; the listener is not told then.
  bool add(task::Listener& listener) noexcept {
    const std::lock_guard lock(mutex_);
    if (is_over()) return false;
    listeners_.add(listener);
    return true;
  }
  void remove(task::Listener& listener) noexcept {
    const std::lock_guard lock(mutex_);
    listeners_.remove(listener);
  }

  /// The caller has a reference. Throws: Cancelled.
  void wait() {
    task::await_as_listener(*this, task::WaitFor::children);
    base::happens_after(this);
  }

 private:
  ~TrackerState() = default;
  bool is_over() const noexcept { return is_closed_ && tasks_ == 0; }
  // Who listens now has seen such a moment, be the tracker opened again before he runs.
  void tell_if_over() noexcept {
    if (is_over()) listeners_.notify_all();
  }

  std::atomic<std::size_t> references_{1};
  std::mutex mutex_;
  std::size_t tasks_ = 0;         // guarded by mutex_, as all below
  bool is_closed_ = false;
  task::ListenerList listeners_;
};

TrackerTicket::TrackerTicket(TrackerState* state) noexcept : state_(state) {
  state_->add_reference();
  state_->add_task();
}

TrackerTicket::~TrackerTicket() {
  state_->remove_task();
  state_->drop_reference();
}

}  // namespace detail

TaskTracker::TaskTracker() : state_(new detail::TrackerState) {}
TaskTracker::TaskTracker(const TaskTracker& other) noexcept : state_(other.state_) { state_->add_reference(); }
TaskTracker& TaskTracker::operator=(const TaskTracker& other) noexcept {
  other.state_->add_reference();
  state_->drop_reference();
  state_ = other.state_;
  return *this;
}
TaskTracker::~TaskTracker() { state_->drop_reference(); }

bool TaskTracker::close() noexcept { return state_->set_closed(true); }
bool TaskTracker::reopen() noexcept { return state_->set_closed(false); }
bool TaskTracker::is_closed() const noexcept { return state_->is_closed(); }
std::size_t TaskTracker::size() const noexcept { return state_->size(); }

void TaskTracker::wait() const {
  const TaskTracker self(*this);  // the caller's may be given another value, or go, while we wait
  self.state_->wait();
}

}  // namespace runtime::inline v1
