#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/clock.hpp"

namespace runtime::inline v1::posix {

/// What decides how a descriptor is read and written.
enum class Kind : std::uint8_t {
  socket,
  pipe,    // named or not
  disk,    // regular files of all file systems, directories, block devices: no readiness, always to the pool
  device,  // character devices, terminals among them
  other,   // eventfd, timerfd, signalfd, inotify, pidfd, epoll, …; also what is no descriptor at all
};
Kind kind_of(int fd) noexcept;

/// Which file a descriptor stands for; all zero for none. Sockets have their own, too.
struct FileId {
  dev_t device;
  ino_t inode;
  friend bool operator==(const FileId&, const FileId&) = default;
};
FileId file_id_of(int fd) noexcept;

/// A terminal writes all it is given, as pipes and streams do; other devices may take a part for a message.
bool is_terminal(int fd) noexcept;

/// A stream of bytes: what one call leaves, the next may take. False for message sockets and all that is no socket.
bool is_stream_socket(int fd) noexcept;

/// The socket has failed or was reset, for good. Asking does not take the pending error away, as SO_ERROR would: the
/// program's next call shall get it.
bool is_broken(int fd) noexcept;

/// Now + SO_RCVTIMEO or SO_SNDTIMEO; kForever if it is not set or there is no such option.
base::Nanos socket_deadline(int fd, int option) noexcept;

}  // namespace runtime::inline v1::posix
