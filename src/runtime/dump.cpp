#include <runtime/dump.hpp>

#include <atomic>
#include <exception>
#include <new>

#include <runtime/handle.hpp>

#include "base/sanitizer.hpp"
#include "base/symbolizer.hpp"
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

/// Copies the tasks on the owner thread, for somebody who waits on another.
class RecordCall final : public scheduler::OwnerCall {
 public:
  RecordCall(detail::Inner& inner, task::JoinWaiter& waiter) noexcept : inner_(inner), waiter_(waiter) {}

  void run() noexcept override {
    try {
      records = detail::record_tasks(inner_.scheduler());
    } catch (...) {
      thrown = std::current_exception();
    }
    base::happens_before(&waiter_);
    waiter_.notify();  // the call may be gone now
  }

  detail::TaskRecords records;
  std::exception_ptr thrown;

 private:
  detail::Inner& inner_;
  task::JoinWaiter& waiter_;
};

detail::TaskRecords record_from_elsewhere(detail::Inner& inner) {
  if (task::Task* task = task::parkable()) {
    task::throw_if_cancelled(*task);
    task::FiberWaiter waiter(*task);
    RecordCall call(inner, waiter);
    if (!inner.scheduler().call_on_owner(call)) return {};
    const task::Waiting waiting(*task, task::WaitFor::other_runtime);
    task::park_until_certain(*task, [&waiter] { return waiter.is_notified(); });  // the owner knows this frame
    base::happens_after(&waiter);
    if (call.thrown) std::rethrow_exception(call.thrown);
    return std::move(call.records);
  }
  task::ThreadWaiter waiter;
  RecordCall call(inner, waiter);
  if (!inner.scheduler().call_on_owner(call)) return {};
  waiter.park_until(base::kForever);
  base::happens_after(&waiter);
  if (call.thrown) std::rethrow_exception(call.thrown);
  return std::move(call.records);
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
