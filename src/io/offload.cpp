#include "io/offload.hpp"

#include <atomic>
#include <cerrno>
#include <memory>
#include <new>

#include "base/sanitizer.hpp"
#include "blocking/pool.hpp"
#include "context/context.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"

namespace runtime::inline v1::io {
namespace {

/// A call that somebody waits for; lives in the waiter's frame.
class BorrowedCall final : public blocking::Job {
 public:
  BorrowedCall(task::Task& waiter, void (*fn)(void*) noexcept, void* arg, bool mandatory) noexcept
      : waiter_(waiter), fn_(fn), arg_(arg) {
    is_mandatory = mandatory;
  }

  void run() noexcept override {
    {
      const context::Entry entry(context::of(waiter_));
      errno = 0;
      fn_(arg_);
      error_ = errno;
    }
    finish();
  }
  void cancel() noexcept override {
    cancelled_ = true;
    finish();
  }

  bool is_done() const noexcept { return done_.load(std::memory_order_acquire); }
  bool was_cancelled() const noexcept { return cancelled_; }
  int error() const noexcept { return error_; }

 private:
  void finish() noexcept {
    task::Task& waiter = waiter_;
    // As soon as done_ is seen, this object may be gone, and the task and its runtime too.
    waiter.hold();
    base::happens_before(&waiter);
    done_.store(true, std::memory_order_release);  // pairs with is_done()
    task::wake(waiter);
    waiter.unhold();
  }

  task::Task& waiter_;
  void (*fn_)(void*) noexcept;
  void* arg_;
  int error_ = 0;
  bool cancelled_ = false;
  std::atomic<bool> done_{false};
};

/// A call that its waiter may leave behind: shared by the two, freed by the last.
class SharedCall final : public blocking::Job {
 public:
  SharedCall(task::Task& waiter, DetachedJob& job) noexcept : waiter_(waiter), job_(job) { waiter_.hold(); }

  void run() noexcept override {
    {
      const context::Entry entry(context::of(waiter_));
      job_.run();
    }
    finish(false);
  }
  void cancel() noexcept override { finish(true); }

  bool is_done() const noexcept { return state_.load(std::memory_order_acquire) != kRunning; }
  /// The waiter goes, and with it, or after it, the call. True: it has run, and the job is the waiter's again.
  static bool leave(SharedCall* call) noexcept {
    const State before = call->state_.exchange(kLeft, std::memory_order_acq_rel);
    if (before == kRunning) return false;  // the pool thread cleans up
    if (before == kCancelled) call->job_.release();
    call->waiter_.unhold();
    delete call;
    return before == kDone;
  }

 private:
  enum State : unsigned char { kRunning, kDone, kCancelled, kLeft };

  void finish(bool cancelled) noexcept {
    task::Task& waiter = waiter_;
    waiter.hold();
    base::happens_before(&waiter);
    const State before = state_.exchange(cancelled ? kCancelled : kDone, std::memory_order_acq_rel);
    if (before == kLeft) {
      job_.release();
      waiter.unhold();
      delete this;
    } else {
      task::wake(waiter);
    }
    waiter.unhold();
  }

  task::Task& waiter_;
  DetachedJob& job_;
  std::atomic<State> state_{kRunning};
};

int run_on_pool(void (*fn)(void*) noexcept, void* arg, bool mandatory) noexcept {
  task::Task& task = *task::parkable();
  BorrowedCall call(task, fn, arg, mandatory);
  if (const int error = context::of(task).pool->submit_before_sleep(call)) return error;
  const task::Waiting waiting(task, task::WaitFor::blocking_job);
  task::park_until_certain(task, [&call] { return call.is_done(); });
  base::happens_after(&task);
  if (call.was_cancelled()) return ECANCELED;
  errno = call.error();
  return 0;
}

}  // namespace

int offload(void (*fn)(void*) noexcept, void* arg) noexcept { return run_on_pool(fn, arg, false); }
int offload_mandatory(void (*fn)(void*) noexcept, void* arg) noexcept { return run_on_pool(fn, arg, true); }

int offload_detachable(DetachedJob& job) noexcept {
  task::Task& task = *task::parkable();
  auto* call = new (std::nothrow) SharedCall(task, job);
  if (call == nullptr) {
    job.release();
    return ENOMEM;
  }
  if (const int error = context::of(task).pool->submit_before_sleep(*call)) {
    call->cancel();
    SharedCall::leave(call);
    return error;
  }
  const task::Waiting waiting(task, task::WaitFor::blocking_job);
  const auto end = task::park_until(task, [call] { return call->is_done(); });
  base::happens_after(&task);
  const bool has_run = SharedCall::leave(call);
  if (end == task::ParkEnd::cancelled && has_run) job.release();
  return end == task::ParkEnd::done && has_run ? 0 : ECANCELED;
}

}  // namespace runtime::inline v1::io
