#include <runtime/detail/raw_fd.hpp>

#include <sys/socket.h>

#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "io/shared_fd.hpp"

namespace runtime::inline v1::detail {

int RawFd::fd() const noexcept { return shared_ != nullptr ? shared_->fd() : -1; }

io::SharedFd& RawFd::shared() const {
  if (shared_ == nullptr) {
    throw Error(Errc::invalid_argument, "this socket or pipe is closed, was never open, or was moved from: use the object it was moved to");
  }
  return *shared_;
}

RawFd RawFd::split_write() {
  io::SharedFd& shared = this->shared();
  shared.hold();
  directions_ = kRead;
  return RawFd(&shared, kWrite);
}

void RawFd::close() noexcept {
  if ((directions_ & kRead) != 0) shared_->close(io::Direction::read);
  if ((directions_ & kWrite) != 0) shared_->close(io::Direction::write);
  if (directions_ == kWrite) {
    // After those who wait were told that it is closed. A connection that is gone already has nothing to shut down.
    const base::ErrnoKeeper keeper;
    static_cast<void>(::shutdown(shared_->fd(), SHUT_WR));
  }
  shared_->release();
}

}  // namespace runtime::inline v1::detail
