#include <runtime/sync/once_cell.hpp>

#include "base/sanitizer.hpp"
#include "sync/mutex_access.hpp"

namespace runtime::inline v1::detail {

bool OnceGate::is_done() const noexcept {
  if (done_.load(std::memory_order_acquire) == 0) return false;  // pairs with succeed()
  base::happens_after(const_cast<OnceGate*>(this));
  return true;
}

bool OnceGate::begin() {
  sync::MutexAccess::lock(trying_, task::WaitFor::once_cell, base::kForever);
  if (!is_done()) return true;
  trying_.unlock();
  return false;
}

bool OnceGate::try_begin() noexcept {
  if (!trying_.try_lock()) return false;
  if (!is_done()) return true;
  trying_.unlock();
  return false;
}

void OnceGate::succeed() noexcept {
  base::happens_before(this);
  done_.store(1, std::memory_order_release);
  trying_.unlock();
}

void OnceGate::fail() noexcept { trying_.unlock(); }

}  // namespace runtime::inline v1::detail
