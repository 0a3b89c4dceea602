#include "io/shared_fd.hpp"

#include <sys/socket.h>

#include <utility>

#include "base/sanitizer.hpp"
#include "base/system_error.hpp"
#include "io/offload.hpp"
#include "io/wait.hpp"

namespace runtime::inline v1::io {
namespace {

constinit std::atomic<std::uint64_t> last_id{0};

/// The kernel holds close() up, for non-blocking sockets too, until the data is out or the time is over.
bool lingers(int fd) noexcept {
  linger option{};
  socklen_t size = sizeof option;
  return ::getsockopt(fd, SOL_SOCKET, SO_LINGER, &option, &size) == 0 && option.l_onoff != 0 && option.l_linger > 0;
}

}  // namespace

SharedFd::SharedFd(base::UniqueFd fd, FdKind kind) noexcept
    : fd_(std::move(fd)), kind_(kind), id_(last_id.fetch_add(1, std::memory_order_relaxed) + 1) {}

SharedFd* SharedFd::make(base::UniqueFd fd, FdKind kind) { return new SharedFd(std::move(fd), kind); }

void SharedFd::close(Direction direction) noexcept {
  hold();  // for a call under way that has no share: it may end as soon as it is told
  if (!turns(direction).close(fd())) shares_.fetch_sub(1, std::memory_order_relaxed);  // the owner's is still there
}

void SharedFd::release() noexcept {
  base::happens_before(this);
  if (shares_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  base::happens_after(this);
  const base::ErrnoKeeper keeper;
  fd_closing(fd_.get());
  if (on_fiber() && lingers(fd_.get())) {
    const auto close = [](void* fd) noexcept { *static_cast<base::UniqueFd*>(fd) = base::UniqueFd(); };
    // Where the pool takes nothing any more, it is closed below, which holds up the thread.
    static_cast<void>(offload(close, &fd_));
  }
  delete this;
}

}  // namespace runtime::inline v1::io
