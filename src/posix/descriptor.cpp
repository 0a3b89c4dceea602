#include "posix/descriptor.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "time/now.hpp"

namespace runtime::inline v1::posix {

Kind kind_of(int fd) noexcept {
  struct stat status;
  if (::fstat(fd, &status) != 0) return Kind::other;
  switch (status.st_mode & S_IFMT) {
    case S_IFSOCK:
      return Kind::socket;
    case S_IFIFO:
      return Kind::pipe;
    case S_IFREG:
    case S_IFDIR:
    case S_IFBLK:
      return Kind::disk;
    case S_IFCHR:
      return Kind::device;
    default:
      return Kind::other;
  }
}

FileId file_id_of(int fd) noexcept {
  struct stat status;
  if (::fstat(fd, &status) != 0) return FileId{0, 0};
  return FileId{status.st_dev, status.st_ino};
}

bool is_terminal(int fd) noexcept { return ::isatty(fd) == 1; }

bool is_stream_socket(int fd) noexcept {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

bool is_broken(int fd) noexcept {
  // POLLERR alone may be news in the error queue (time stamps, MSG_ZEROCOPY), POLLHUP alone an orderly end.
  pollfd look{fd, 0, 0};
  constexpr short kBoth = POLLERR | POLLHUP;
  return ::poll(&look, 1, 0) == 1 && (look.revents & kBoth) == kBoth;
}

base::Nanos socket_deadline(int fd, int option) noexcept {
  timeval limit{};
  socklen_t size = sizeof limit;
  if (::getsockopt(fd, SOL_SOCKET, option, &limit, &size) != 0) return base::kForever;
  if (limit.tv_sec == 0 && limit.tv_usec == 0) return base::kForever;
  constexpr base::Nanos kSecond = 1'000'000'000;
  if (limit.tv_sec >= base::kForever / kSecond) return base::kForever;
  return time::deadline_after(limit.tv_sec * kSecond + limit.tv_usec * 1000);
}

}  // namespace runtime::inline v1::posix
