#pragma once

// What the tests of <runtime/posix.h> share: a fiber to call from, descriptors, and a limit for everything that waits.

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <runtime/posix.h>
#include <runtime/runtime.hpp>

namespace posix_test {

using namespace std::chrono_literals;

/// Ends the program when a test has waited for too long; and ends each test with as many descriptors as it began with.
class Limits {
 public:
  Limits() : fds_(count_fds()) {
    test() = doctest::getContextOptions()->currentTest->m_name;
    struct sigaction on_alarm {};
    on_alarm.sa_handler = [](int) {
      const iovec parts[] = {{const_cast<char*>(test()), std::char_traits<char>::length(test())},
                             {const_cast<char*>(": a wait never ended\n"), 21}};
      std::_Exit(::writev(STDERR_FILENO, parts, 2) < 0 ? 98 : 99);
    };
    ::sigaction(SIGALRM, &on_alarm, nullptr);
    ::alarm(30);
  }
  ~Limits() {
    ::alarm(0);
    CHECK(count_fds() == fds_);
  }

 private:
  static const char*& test() {
    static const char* name = "";
    return name;
  }
  static int count_fds() {
    DIR* folder = ::opendir("/proc/self/fd");
    int count = 0;
    while (::readdir(folder) != nullptr) ++count;
    ::closedir(folder);
    return count;
  }
  int fds_;
};

/// What a call has said.
struct Said {
  ssize_t result;
  int error;
  bool operator==(const Said& other) const { return result == other.result && error == other.error; }
};
inline std::ostream& operator<<(std::ostream& out, const Said& said) {
  return out << said.result << '/' << (said.error == 0 ? "0" : ::strerrorname_np(said.error));
}

/// Makes the call with errno 0, which is unchanged when the call succeeds.
template <class Call>
Said say(Call call) {
  errno = 0;
  const auto result = static_cast<ssize_t>(call());
  return Said{result, errno};
}
inline Said done(ssize_t result) { return Said{result, 0}; }
inline Said failed(int error) { return Said{-1, error}; }

/// A descriptor that is closed at the end of the test.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) { REQUIRE(fd >= 0); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { reset(); }

  operator int() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

/// A new name pattern for mkstemp() and mkdtemp().
inline std::string temporary_pattern() {
  return (std::filesystem::temp_directory_path() / "runtime-posix-XXXXXX").string();
}

/// A file that goes with its descriptor.
inline Fd make_temporary_file() {
  std::string path = temporary_pattern();
  Fd fd(::mkstemp(path.data()));
  ::unlink(path.c_str());
  return fd;
}

struct Pair {
  Fd a, b;  // of a pipe: a reads, b writes
};

inline Pair make_pipe(int flags = 0) {
  int fds[2];
  REQUIRE(::pipe2(fds, flags | O_CLOEXEC) == 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

inline Pair make_sockets(int type = SOCK_STREAM) {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) == 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

inline Fd make_tcp(int flags = 0) { return Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)); }
inline Fd make_udp() { return Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }

inline const sockaddr* generic(const sockaddr_in& address) { return reinterpret_cast<const sockaddr*>(&address); }

/// A loopback address; port 0: the kernel chooses one.
inline sockaddr_in loopback(in_port_t port = 0) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// Binds to loopback; the address it got.
inline sockaddr_in bind_loopback(int fd) {
  sockaddr_in address = loopback();
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd, generic(address), size) == 0);
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return address;
}

struct Listener {
  explicit Listener(int flags = 0) : fd(make_tcp(flags)), address(bind_loopback(fd)) { REQUIRE(::listen(fd, 64) == 0); }
  Fd fd;
  sockaddr_in address;
};

/// A listener whose queue is full: the kernel lets the next connections wait until somebody accepts.
struct FullListener {
  FullListener() : fd(make_tcp()), address(bind_loopback(fd)) {
    REQUIRE(::listen(fd, 0) == 0);
    for (;;) {
      REQUIRE(clients.size() < 8);
      clients.push_back(make_tcp(SOCK_NONBLOCK));
      const int result = ::connect(clients.back(), generic(address), sizeof address);
      REQUIRE((result == 0 || errno == EINPROGRESS));
      pollfd ready{clients.back(), POLLOUT, 0};
      if (::poll(&ready, 1, 50) == 0) break;
    }
  }
  Fd fd;
  sockaddr_in address;
  std::vector<Fd> clients;
};

/// The same for a Unix socket. Its name is an abstract one, so nothing is left to remove.
struct FullUnixListener {
  explicit FullUnixListener(const std::string& test) : fd(unix_socket()), first(unix_socket()) {
    address.sun_family = AF_UNIX;
    ("runtime-posix-" + test + std::to_string(::getpid())).copy(address.sun_path + 1, sizeof address.sun_path - 1);
    REQUIRE(::bind(fd, generic_address(), sizeof address) == 0);
    REQUIRE(::listen(fd, 0) == 0);
    REQUIRE(::connect(first, generic_address(), sizeof address) == 0);
  }
  static Fd unix_socket() { return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }
  const sockaddr* generic_address() const { return reinterpret_cast<const sockaddr*>(&address); }
  Said connect(int socket) const {
    return say([&] { return runtime_connect(socket, generic_address(), sizeof address); });
  }

  Fd fd, first;
  sockaddr_un address{};
};

inline Pair make_tcp_pair() {
  const Listener listener;
  Fd client = make_tcp();
  REQUIRE(::connect(client, generic(listener.address), sizeof listener.address) == 0);
  return {std::move(client), Fd(::accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC))};
}

inline void set_time_limit(int fd, int option, std::chrono::microseconds limit) {
  const timeval value{limit.count() / 1'000'000, limit.count() % 1'000'000};
  REQUIRE(::setsockopt(fd, SOL_SOCKET, option, &value, sizeof value) == 0);
}

inline bool is_nonblocking(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

inline void set_nonblocking(int fd, bool on = true) {
  const int flags = ::fcntl(fd, F_GETFL);
  REQUIRE(::fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0);
}

/// Writes until the kernel takes no more, without waiting; the number of bytes.
inline std::size_t fill(int fd) {
  const bool was_nonblocking = is_nonblocking(fd);
  set_nonblocking(fd);
  const std::vector<char> bytes(65536, 'f');
  std::size_t sum = 0;
  // Down to single bytes: a pipe takes no part of a small write.
  for (std::size_t size = bytes.size(); size > 0; size /= 2) {
    for (ssize_t n; (n = ::write(fd, bytes.data(), size)) > 0;) sum += static_cast<std::size_t>(n);
  }
  set_nonblocking(fd, was_nonblocking);
  return sum;
}

/// Runs f as a task of a runtime of its own, and returns what it returns.
template <class F>
auto on_fiber(F f) {
  runtime::LocalRuntime rt;
  return rt.block_on([&] { return runtime::spawn_local(std::move(f)).join(); });
}

/// Long enough for the other tasks to have gone as far as they can: each of them has had turns, and the driver, too.
inline void settle() {
  for (int turn = 0; turn < 4; ++turn) {
    for (int i = 0; i < 8; ++i) runtime::yield_now();
    runtime::sleep_for(500us);
  }
}

/// Parks in the call, of which nothing comes until `cause` is there.
inline Said parked(std::function<ssize_t()> call, std::function<void()> cause) {
  return on_fiber([&] {
    auto waiter = runtime::spawn_local([&] { return say(call); });
    settle();
    CHECK_FALSE(waiter.is_finished());
    cause();
    return waiter.join();
  });
}

/// The same, aborted while it is parked; the call must not throw.
inline Said aborted(std::function<ssize_t()> call) {
  Said said{0, 0};
  on_fiber([&] {
    auto waiter = runtime::spawn_local([&] { said = say(call); });
    settle();
    CHECK_FALSE(waiter.is_finished());
    waiter.abort();
    waiter.join();
  });
  return said;
}

inline void put(int fd) { CHECK(::write(fd, "x", 1) == 1); }

}  // namespace posix_test
