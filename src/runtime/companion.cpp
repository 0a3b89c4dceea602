#include <runtime/companion.h>

#include <cerrno>

#include "base/sanitizer.hpp"
#include "base/system_error.hpp"
#include "fiber/companion.hpp"
#include "fiber/fiber.hpp"
#include "io/wait.hpp"
#include "task/park.hpp"

namespace base = runtime::base;
namespace fiber = runtime::fiber;
namespace task = runtime::task;

runtime_companion_words* runtime_companion_here() {
  const task::Task* task = task::parkable();
  return task != nullptr ? &task->fiber->companion : nullptr;
}

int runtime_companion_set(const runtime_companion* companion) {
  if (companion == nullptr || companion->size != sizeof *companion || companion->switched == nullptr ||
      companion->root_event == nullptr) {
    return EINVAL;
  }
  const runtime_companion* nobody = nullptr;
  return fiber::companion.installed.compare_exchange_strong(nobody, companion, std::memory_order_release,
                                                            std::memory_order_relaxed)
             ? 0
             : EBUSY;
}

void runtime_companion_closing(int fd) { runtime::io::fd_closing(fd); }

void runtime_companion_closed(int fd) {
  const base::ErrnoKeeper keeper;
  runtime::io::fd_changed(fd);
}

// The companion first: who sees the flag of switches finds it.
void runtime_companion_watch_switches() {
  fiber::companion.watches_switches.store(true, std::memory_order_relaxed);
  base::switches_are_told.store(true, std::memory_order_relaxed);
}
