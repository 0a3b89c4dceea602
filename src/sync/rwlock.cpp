#include <runtime/sync/rwlock.hpp>

#include "sync/begin_wait.hpp"
#include "sync/holder.hpp"
#include "sync/permits.hpp"

namespace runtime::inline v1::sync {
namespace {

void check_not_writer(const std::atomic<std::uint64_t>& writer) {
  if (writer.load(std::memory_order_relaxed) == Holder::self().mark) {
    throw_would_deadlock("lock() by the one who has the read-write lock to write: it would wait for itself");
  }
}

}  // namespace

void RwLock::mark_as_writer() noexcept {
  const Holder self = Holder::self();
  writer_.store(self.mark, std::memory_order_relaxed);
  writer_id_.store(self.task_id, std::memory_order_relaxed);
}

bool RwLock::lock_nanos(std::int64_t limit) {
  task::Task* self = begin_wait();
  if (RUNTIME_LIKELY(try_take(permits_, kReaders) == Taking::taken)) {
    mark_as_writer();
    completed_at_once(self);
    return true;
  }
  check_not_writer(writer_);
  const Reason reason{task::WaitFor::rwlock_write, this, &writer_id_};
  if (wait_for_permits(permits_, kReaders, self, reason, limit) != Took::taken) return false;
  mark_as_writer();
  return true;
}

bool RwLock::lock_shared_nanos(std::int64_t limit) {
  task::Task* self = begin_wait();
  if (RUNTIME_LIKELY(try_take(permits_, 1) == Taking::taken)) {
    completed_at_once(self);
    return true;
  }
  check_not_writer(writer_);
  const Reason reason{task::WaitFor::rwlock_read, this, &writer_id_};
  return wait_for_permits(permits_, 1, self, reason, limit) == Took::taken;
}

void RwLock::lock() { static_cast<void>(lock_nanos(base::kForever)); }

bool RwLock::try_lock() noexcept {
  if (try_take(permits_, kReaders) != Taking::taken) return false;
  mark_as_writer();
  return true;
}

bool RwLock::try_lock_nanos(std::int64_t limit) {
  check_limit(limit, "try_lock_for()");
  return lock_nanos(limit);
}

void RwLock::unlock() {
  if (writer_.load(std::memory_order_relaxed) != Holder::self().mark) {
    throw_misuse("unlock() of a read-write lock by one who does not have it to write; readers call unlock_shared()");
  }
  writer_.store(0, std::memory_order_relaxed);
  writer_id_.store(0, std::memory_order_relaxed);
  give(permits_, kReaders);
}

void RwLock::lock_shared() { static_cast<void>(lock_shared_nanos(base::kForever)); }

bool RwLock::try_lock_shared() noexcept { return try_take(permits_, 1) == Taking::taken; }

bool RwLock::try_lock_shared_nanos(std::int64_t limit) {
  check_limit(limit, "try_lock_shared_for()");
  return lock_shared_nanos(limit);
}

void RwLock::unlock_shared() {
  if (writer_.load(std::memory_order_relaxed) != 0 || free_permits(permits_) == kReaders) {
    throw_misuse("unlock_shared() of a read-write lock that nobody has to read");
  }
  give(permits_, 1);
}

}  // namespace runtime::inline v1::sync
