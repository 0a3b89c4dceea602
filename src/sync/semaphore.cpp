#include <runtime/sync/semaphore.hpp>

#include "sync/begin_wait.hpp"
#include "sync/permits.hpp"

namespace runtime::inline v1::sync {
namespace {

constexpr char kIsClosed[] = "the semaphore is closed: nothing can be acquired from it any more";

void check_count(std::size_t n) {
  if (n > Semaphore::kMaxPermits) throw_misuse("a semaphore has at most Semaphore::kMaxPermits permits");
}

}  // namespace

Semaphore::Semaphore(std::size_t permits) : permits_(permits) { check_count(permits); }

void Semaphore::take(std::size_t n) {
  task::Task* self = begin_wait();
  check_count(n);
  Taking taking = sync::try_take(permits_, n);
  if (RUNTIME_LIKELY(taking == Taking::taken)) return completed_at_once(self);
  if (taking == Taking::too_few) {
    const Reason reason{task::WaitFor::semaphore, this};
    if (wait_for_permits(permits_, n, self, reason, base::kForever) == Took::taken) return;
  }
  throw_closed(kIsClosed);
}

bool Semaphore::try_take(std::size_t n) {
  check_count(n);
  const Taking taking = sync::try_take(permits_, n);
  if (taking == Taking::closed) throw_closed(kIsClosed);
  return taking == Taking::taken;
}

void Semaphore::give_back(std::size_t n) noexcept { give(permits_, n); }

void Semaphore::add_permits(std::size_t n) {
  check_count(n);
  if (n > kMaxPermits - available_permits()) {
    throw_misuse("add_permits() beyond Semaphore::kMaxPermits permits");
  }
  give(permits_, n);
}

std::size_t Semaphore::forget_permits(std::size_t n) noexcept { return take_up_to(permits_, n); }
std::size_t Semaphore::available_permits() const noexcept { return free_permits(permits_); }
void Semaphore::close() noexcept { sync::close(permits_); }
bool Semaphore::is_closed() const noexcept { return sync::is_closed(permits_); }

}  // namespace runtime::inline v1::sync
