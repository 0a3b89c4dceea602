#include "process/orphans.hpp"

#include <pthread.h>
#include <sys/epoll.h>

#include <cerrno>
#include <csignal>
#include <mutex>
#include <new>
#include <utility>

#include "base/linked_list.hpp"
#include "base/no_signals.hpp"
#include "base/system_error.hpp"
#include "base/unique_fd.hpp"

namespace runtime::inline v1::process {
namespace {

/// One for the process, as orphans belong to nobody else; never destroyed, because its thread may outlive main().
class Orphanage final {
 public:
  void adopt(ChildProcess* child) noexcept;

 private:
  using List = base::LinkedList<ChildProcess, &ChildProcess::previous, &ChildProcess::next>;

  bool watch(ChildProcess& child) noexcept;
  bool start() noexcept;
  void retry_unwatched() noexcept;
  static void* thread_main(void* raw) noexcept;
  void serve() noexcept;
  bool bury(ChildProcess* child) noexcept;

  std::mutex mutex_;
  // All below guarded by mutex_.
  base::UniqueFd epoll_;  // there while the thread is
  List watched_;          // in epoll_, whose events point at them
  List unwatched_;        // the kernel had no means for it
};

Orphanage& orphanage() noexcept {
  alignas(Orphanage) static unsigned char memory[sizeof(Orphanage)];
  static Orphanage& only = *::new (static_cast<void*>(memory)) Orphanage();
  return only;
}

void Orphanage::adopt(ChildProcess* child) noexcept {
  const std::lock_guard lock(mutex_);
  retry_unwatched();
  if (!watch(*child)) unwatched_.push_back(*child);
}

bool Orphanage::watch(ChildProcess& child) noexcept {
  if (epoll_.get() < 0 && !start()) return false;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &child;
  // The thread is there: it goes only under the lock, with the set.
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, child.pidfd(), &event) != 0) return false;
  watched_.push_back(child);
  return true;
}

void Orphanage::retry_unwatched() noexcept {
  for (ChildProcess* child = unwatched_.front(); child != nullptr;) {
    ChildProcess* next = List::next(*child);
    unwatched_.remove(*child);
    if (child->reap() != EAGAIN) {
      delete child;
    } else if (!watch(*child)) {
      unwatched_.push_back(*child);
      return;  // nor will the others find room
    }
    child = next;
  }
}

// Under the lock, so the thread waits until it has somebody to watch.
bool Orphanage::start() noexcept {
  base::UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (epoll.get() < 0) return false;
  const base::NoSignals inherited;
  pthread_t thread;
  const int error = ::pthread_create(&thread, nullptr, &thread_main, this);
  if (error != 0) return false;
  ::pthread_setname_np(thread, "runtime-reaper");
  ::pthread_detach(thread);
  epoll_ = std::move(epoll);
  return true;
}

void* Orphanage::thread_main(void* raw) noexcept {
  static_cast<Orphanage*>(raw)->serve();
  return nullptr;
}

void Orphanage::serve() noexcept {
  int epoll;
  {
    const std::lock_guard lock(mutex_);
    if (watched_.is_empty()) {  // the first one found no room
      epoll_ = base::UniqueFd();
      return;
    }
    epoll = epoll_.get();
  }
  for (;;) {
    epoll_event event;
    const int n = ::epoll_wait(epoll, &event, 1, -1);
    if (n == 1 && !bury(static_cast<ChildProcess*>(event.data.ptr))) return;
  }
}

// False: it was the last, and the thread goes.
bool Orphanage::bury(ChildProcess* child) noexcept {
  // It has ended; a debugger that holds it may keep it for a moment longer.
  static_cast<void>(child->reap_blocking());
  const std::lock_guard lock(mutex_);
  watched_.remove(*child);
  // Closing the pidfd is not enough: a process that was forked meanwhile may have it, too, and then it stays in the
  // set.
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, child->pidfd(), nullptr);
  delete child;
  retry_unwatched();
  if (!watched_.is_empty()) return true;
  epoll_ = base::UniqueFd();
  return false;
}

}  // namespace

void adopt_orphan(std::unique_ptr<ChildProcess> child) noexcept {
  const base::ErrnoKeeper errno_before;
  if (child->reap() != EAGAIN) return;
  orphanage().adopt(child.release());
}

}  // namespace runtime::inline v1::process
