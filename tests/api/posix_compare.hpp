#pragma once

// Situations that must end the same three times: with the C library's own calls on a plain thread, with ours on a plain
// thread, and with ours on a fiber. The same means: result, errno, what was done, and how often SIGPIPE came.

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "posix_support.hpp"

namespace posix_test {

/// The calls under test, and the same from the C library.
struct Calls {
  decltype(&runtime_read) read;
  decltype(&runtime_readv) readv;
  decltype(&runtime_write) write;
  decltype(&runtime_writev) writev;
  decltype(&runtime_recv) recv;
  decltype(&runtime_recvfrom) recvfrom;
  decltype(&runtime_recvmsg) recvmsg;
  decltype(&runtime_send) send;
  decltype(&runtime_sendto) sendto;
  decltype(&runtime_sendmsg) sendmsg;
  decltype(&runtime_connect) connect;
  decltype(&runtime_accept) accept;
  decltype(&runtime_accept4) accept4;
  decltype(&runtime_close) close;
  decltype(&runtime_shutdown) shutdown;
  decltype(&runtime_poll) poll;
  decltype(&runtime_ppoll) ppoll;
  decltype(&runtime_select) select;
  decltype(&runtime_pselect) pselect;
  decltype(&runtime_epoll_wait) epoll_wait;
  decltype(&runtime_epoll_pwait) epoll_pwait;
  decltype(&runtime_pread) pread;
  decltype(&runtime_preadv) preadv;
  decltype(&runtime_pwrite) pwrite;
  decltype(&runtime_pwritev) pwritev;
  decltype(&runtime_open) open;
  decltype(&runtime_openat) openat;
  decltype(&runtime_creat) creat;
  decltype(&runtime_fsync) fsync;
  decltype(&runtime_fdatasync) fdatasync;
  decltype(&runtime_dup) dup;
  decltype(&runtime_dup2) dup2;
  decltype(&runtime_dup3) dup3;
  decltype(&runtime_fcntl) fcntl;
  decltype(&runtime_flock) flock;
  decltype(&runtime_recvmmsg) recvmmsg;
  decltype(&runtime_sendmmsg) sendmmsg;
  decltype(&runtime_waitpid) waitpid;
  decltype(&runtime_wait) wait;
  decltype(&runtime_wait4) wait4;
  decltype(&runtime_waitid) waitid;
  decltype(&runtime_nanosleep) nanosleep;
  decltype(&runtime_clock_nanosleep) clock_nanosleep;
  decltype(&runtime_sleep) sleep;
  decltype(&runtime_usleep) usleep;
  decltype(&runtime_getaddrinfo) getaddrinfo;
  decltype(&runtime_getnameinfo) getnameinfo;
  decltype(&runtime_gethostbyname_r) gethostbyname_r;
  decltype(&runtime_gethostbyname2_r) gethostbyname2_r;
  decltype(&runtime_gethostbyaddr_r) gethostbyaddr_r;
};

inline const Calls kLibc = {
    ::read,
    ::readv,
    ::write,
    ::writev,
    ::recv,
    [](int fd, void* p, size_t n, int flags, sockaddr* a, socklen_t* s) { return ::recvfrom(fd, p, n, flags, a, s); },
    ::recvmsg,
    ::send,
    [](int fd, const void* p, size_t n, int flags, const sockaddr* a, socklen_t s) {
      return ::sendto(fd, p, n, flags, a, s);
    },
    ::sendmsg,
    [](int fd, const sockaddr* a, socklen_t s) { return ::connect(fd, a, s); },
    [](int fd, sockaddr* a, socklen_t* s) { return ::accept(fd, a, s); },
    [](int fd, sockaddr* a, socklen_t* s, int flags) { return ::accept4(fd, a, s, flags); },
    ::close,
    ::shutdown,
    ::poll,
    ::ppoll,
    ::select,
    ::pselect,
    ::epoll_wait,
    ::epoll_pwait,
    ::pread,
    ::preadv,
    ::pwrite,
    ::pwritev,
    ::open,
    ::openat,
    ::creat,
    ::fsync,
    ::fdatasync,
    ::dup,
    ::dup2,
    ::dup3,
    ::fcntl,
    ::flock,
    ::recvmmsg,
    ::sendmmsg,
    ::waitpid,
    [](int* status) { return ::wait(status); },
    [](pid_t pid, int* status, int options, rusage* usage) { return ::wait4(pid, status, options, usage); },
    ::waitid,
    ::nanosleep,
    ::clock_nanosleep,
    ::sleep,
    ::usleep,
    ::getaddrinfo,
    [](const sockaddr* a, socklen_t s, char* h, socklen_t hs, char* v, socklen_t vs, int flags) {
      return ::getnameinfo(a, s, h, hs, v, vs, flags);
    },
    ::gethostbyname_r,
    ::gethostbyname2_r,
    ::gethostbyaddr_r};

inline const Calls kOurs = {runtime_read,
                            runtime_readv,
                            runtime_write,
                            runtime_writev,
                            runtime_recv,
                            runtime_recvfrom,
                            runtime_recvmsg,
                            runtime_send,
                            runtime_sendto,
                            runtime_sendmsg,
                            runtime_connect,
                            runtime_accept,
                            runtime_accept4,
                            runtime_close,
                            runtime_shutdown,
                            runtime_poll,
                            runtime_ppoll,
                            runtime_select,
                            runtime_pselect,
                            runtime_epoll_wait,
                            runtime_epoll_pwait,
                            runtime_pread,
                            runtime_preadv,
                            runtime_pwrite,
                            runtime_pwritev,
                            runtime_open,
                            runtime_openat,
                            runtime_creat,
                            runtime_fsync,
                            runtime_fdatasync,
                            runtime_dup,
                            runtime_dup2,
                            runtime_dup3,
                            runtime_fcntl,
                            runtime_flock,
                            runtime_recvmmsg,
                            runtime_sendmmsg,
                            runtime_waitpid,
                            runtime_wait,
                            runtime_wait4,
                            runtime_waitid,
                            runtime_nanosleep,
                            runtime_clock_nanosleep,
                            runtime_sleep,
                            runtime_usleep,
                            runtime_getaddrinfo,
                            runtime_getnameinfo,
                            runtime_gethostbyname_r,
                            runtime_gethostbyname2_r,
                            runtime_gethostbyaddr_r};

inline volatile std::sig_atomic_t sigpipes = 0;

/// What a situation came to, as text: results, errno names, bytes.
class Story {
 public:
  Story& operator<<(const std::string& text) {
    text_ += text + ' ';
    return *this;
  }
  /// Makes a call and tells what it said; errno is 0 before, and must be after a success.
  template <class Call>
  ssize_t tell(Call call) {
    const Said said = say(call);
    *this << std::to_string(said.result) + (said.error == 0 ? "" : ::strerrorname_np(said.error));
    return said.result;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

struct Situation {
  const char* name;
  std::function<void(const Calls&, Story&)> go;
};

inline std::string go_through(const Situation& situation, const Calls& calls) {
  Story story;
  sigpipes = 0;
  situation.go(calls, story);
  return story.text() + "SIGPIPE " + std::to_string(sigpipes);
}

inline void compare(const std::vector<Situation>& table) {
  struct sigaction on_pipe {};
  on_pipe.sa_handler = [](int) { sigpipes = sigpipes + 1; };
  struct sigaction before {};
  REQUIRE(::sigaction(SIGPIPE, &on_pipe, &before) == 0);
  for (const Situation& situation : table) {
    CAPTURE(situation.name);
    const std::string expected = go_through(situation, kLibc);
    CHECK(go_through(situation, kOurs) == expected);
    CHECK(on_fiber([&] { return go_through(situation, kOurs); }) == expected);
  }
  ::sigaction(SIGPIPE, &before, nullptr);
}

inline std::string bytes(const char* buffer, ssize_t size) {
  return size < 0 ? "none" : '"' + std::string(buffer, static_cast<std::size_t>(size)) + '"';
}

/// Reads into a buffer and tells what came.
inline void tell_read(const Calls& calls, Story& story, int fd, std::size_t size = 16) {
  char buffer[64] = {};
  story << bytes(buffer, story.tell([&] { return calls.read(fd, buffer, size); }));
}

inline void tell_recv(const Calls& calls, Story& story, int fd, int flags, std::size_t size = 16) {
  char buffer[64] = {};
  const ssize_t n = story.tell([&] { return calls.recv(fd, buffer, size, flags); });
  story << bytes(buffer, std::min<ssize_t>(n, static_cast<ssize_t>(size)));
}

inline Fd make_file(const std::string& text) {
  Fd fd(::memfd_create("posix test", MFD_CLOEXEC));
  REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  REQUIRE(::lseek(fd, 0, SEEK_SET) == 0);
  return fd;
}

inline Fd open_path(const char* path, int flags) { return Fd(::open(path, flags | O_CLOEXEC)); }

}  // namespace posix_test
