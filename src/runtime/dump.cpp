#include <runtime/dump.hpp>

#include <atomic>
#include <exception>
#include <utility>

#include <runtime/error.hpp>
#include <runtime/handle.hpp>

#include "base/sanitizer.hpp"
#include "runtime/dump_text.hpp"
#include "runtime/inner.hpp"
#include "runtime/task_records.hpp"
#include "task/join.hpp"
#include "task/park.hpp"
#include "task/waiting.hpp"

namespace runtime::inline v1 {

class Dump::Impl final {
 public:
  std::uint64_t runtime_id = 0;
  std::string runtime_name;
  detail::TaskRecords records;
};

namespace {

/// Copies the tasks on the owner thread, for somebody who waits on another and may cease to.
///
/// Owns: itself; whoever of the two comes second frees it. Until the answer is there the waiter is alive.
class RecordCall final : public scheduler::OwnerCall {
 public:
  RecordCall(detail::Inner& inner, task::JoinWaiter& waiter) noexcept : inner_(inner), waiter_(waiter) {}

  void run() noexcept override {
    if (state_.load(std::memory_order_acquire) == State::abandoned) return destroy();
    try {
      records_ = detail::record_tasks(inner_.scheduler());
    } catch (...) {
      thrown_ = std::current_exception();
    }
    base::happens_before(this);
    if (state_.exchange(State::answered, std::memory_order_acq_rel) == State::abandoned) return destroy();
    waiter_.notify();  // both may be gone now
  }

  /// False: the answer is there, and the waiter notified or about to be.
  bool abandon() noexcept { return state_.exchange(State::abandoned, std::memory_order_acq_rel) != State::answered; }

  /// Once the waiter was notified. Frees the call.
  detail::TaskRecords take() {
    base::happens_after(this);
    const std::unique_ptr<RecordCall> self(this);
    if (thrown_) std::rethrow_exception(thrown_);
    return std::move(records_);
  }

 private:
  enum class State : std::uint8_t { asked, answered, abandoned };

  void destroy() noexcept {
    base::happens_after(this);
    delete this;
  }

  std::atomic<State> state_{State::asked};
  detail::TaskRecords records_;
  std::exception_ptr thrown_;
  detail::Inner& inner_;
  task::JoinWaiter& waiter_;
};

/// The call is the runtime's now. Null: that is gone.
RecordCall* ask(detail::Inner& inner, task::JoinWaiter& waiter) {
  auto call = std::make_unique<RecordCall>(inner, waiter);
  return inner.scheduler().call_on_owner(*call) ? call.release() : nullptr;
}

detail::TaskRecords record_from_fiber(detail::Inner& inner, task::Task& task) {
  task::throw_if_cancelled(task);
  task::FiberWaiter waiter(task);
  RecordCall* call = ask(inner, waiter);
  if (call == nullptr) return {};
  const task::Waiting waiting(task, task::WaitFor::other_runtime);
  const auto is_answered = [&waiter] { return waiter.is_notified(); };
  if (task::park_until(task, is_answered) == task::ParkEnd::cancelled) {
    base::happens_before(call);
    if (!call->abandon()) {
      task::park_until_certain(task, is_answered);  // the owner knows this frame for a moment longer
      base::happens_after(call);
      delete call;
    }
    throw Cancelled();
  }
  return call->take();
}

detail::TaskRecords record_from_elsewhere(detail::Inner& inner) {
  if (task::Task* task = task::parkable()) return record_from_fiber(inner, *task);
  task::ThreadWaiter waiter;
  RecordCall* call = ask(inner, waiter);
  if (call == nullptr) return {};
  waiter.park_until(base::kForever);
  return call->take();
}

}  // namespace

Dump Handle::dump() const {
  auto impl = std::make_unique<Dump::Impl>();
  impl->runtime_id = inner_->id();
  impl->runtime_name = inner_->name();
  impl->records = is_owner() ? detail::record_tasks(inner_->scheduler()) : record_from_elsewhere(*inner_);
  return Dump(std::move(impl));
}

Dump::Dump(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Dump::Dump(Dump&&) noexcept = default;
Dump& Dump::operator=(Dump&&) noexcept = default;
Dump::~Dump() = default;

std::size_t Dump::size() const noexcept { return impl_->records.tasks.size(); }

void Dump::write_text(Sink sink, void* arg) const {
  const std::string text = detail::dump_as_text(impl_->runtime_id, impl_->runtime_name, impl_->records);
  sink(arg, text.data(), text.size());
}

void Dump::write_json(Sink sink, void* arg) const {
  const std::string text = detail::dump_as_json(impl_->runtime_id, impl_->runtime_name, impl_->records);
  sink(arg, text.data(), text.size());
}

}  // namespace runtime::inline v1
