#include "posix/flag_loan.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "base/assert.hpp"

namespace runtime::inline v1::posix {
namespace {

// The one mutable global of this folder: descriptions are shared by all runtimes of the process, so is their lock. It
// is held for three system calls that do not wait. No destructor: calls may come as late as exit handlers.
pthread_mutex_t loans = PTHREAD_MUTEX_INITIALIZER;

void lock() { pthread_mutex_lock(&loans); }
void unlock() { pthread_mutex_unlock(&loans); }

// A fork while another thread has a loan would leave the child with a lock that nobody gives back, and with the flag.
[[gnu::constructor]] void let_forks_wait_for_loans() { RUNTIME_CHECK(pthread_atfork(&lock, &unlock, &unlock) == 0); }

bool flag_of(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

// FIONBIO changes this one flag under the kernel's lock; F_SETFL would write the others back as we read them before.
bool set_flag(int fd, int on) noexcept { return ::ioctl(fd, FIONBIO, &on) == 0; }

}  // namespace

FlagLoan::FlagLoan(int fd) noexcept : fd_(fd) {
  lock();
  was_set_ = flag_of(fd);
  lent_ = !was_set_ && set_flag(fd, 1);
  if (!lent_) unlock();
}

FlagLoan::~FlagLoan() {
  if (!lent_) return;
  const int call_errno = errno;
  set_flag(fd_, 0);
  unlock();
  errno = call_errno;
}

NoLoans::NoLoans() noexcept { lock(); }

NoLoans::~NoLoans() { unlock(); }

bool is_nonblocking(int fd) noexcept {
  const int call_errno = errno;
  bool set;
  {
    const NoLoans no_loans;
    set = flag_of(fd);
  }
  errno = call_errno;
  return set;
}

bool is_nonblocking_after_all(int fd) noexcept {
  if (!is_nonblocking(fd)) return false;
  ::sched_yield();
  return is_nonblocking(fd);
}

}  // namespace runtime::inline v1::posix
