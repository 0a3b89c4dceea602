// The calls that wait for several descriptors: on a fiber they park until one is ready, end with ECANCELED when the
// task is aborted, and with EBADF when a descriptor is closed or replaced. Signal masks.

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "posix_support.hpp"

using namespace posix_test;

namespace {

Fd make_epoll(int fd, std::uint32_t events = EPOLLIN) {
  Fd set(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  REQUIRE(::epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
  return set;
}

fd_set set_of(int fd) {
  fd_set set{};
  FD_SET(fd, &set);
  return set;
}

volatile std::sig_atomic_t handled = 0;

/// SIGUSR1 is handled, and blocked by this thread.
class BlockedSignal {
 public:
  BlockedSignal() {
    handled = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { handled = handled + 1; };
    ::sigaction(SIGUSR1, &action, &old_action_);
    sigset_t one;
    ::sigemptyset(&one);
    ::sigaddset(&one, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &one, &old_mask_);
    ::sigemptyset(&none);
  }
  ~BlockedSignal() {
    ::pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
    ::sigaction(SIGUSR1, &old_action_, nullptr);
  }
  sigset_t none;

 private:
  sigset_t old_mask_;
  struct sigaction old_action_ {};
};

/// A set with room for as many descriptors as the process has a table for, and not a byte more: the kernel needs no
/// more, whatever count says.
class SmallSet {
 public:
  SmallSet() {
    std::ifstream status("/proc/self/status");
    std::string word;
    while (status >> word && word != "FDSize:") {
    }
    std::size_t bits = 0;
    status >> bits;
    const std::size_t bytes = std::max<std::size_t>(bits, FD_SETSIZE) / 8;
    REQUIRE(bytes <= kPage);
    void* pages = ::mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(pages != MAP_FAILED);
    end_ = static_cast<char*>(pages) + kPage;
    REQUIRE(::mprotect(end_, kPage, PROT_NONE) == 0);
    set = reinterpret_cast<fd_set*>(end_ - bytes);
  }
  ~SmallSet() { ::munmap(end_ - kPage, 2 * kPage); }
  fd_set* set;

 private:
  static constexpr std::size_t kPage = 65536;
  char* end_;
};

/// How often the scheduler has resumed something.
std::uint64_t resumes() { return runtime::Handle::current().metrics().worker_poll_count(); }

}  // namespace

TEST_CASE_FIXTURE(Limits, "each of the waits for several descriptors wakes when one is ready") {
  const Pair idle = make_sockets();
  for (const int which : {0, 1, 2, 3, 4, 5}) {
    CAPTURE(which);
    const Pair p = make_sockets();
    const Fd set = make_epoll(p.a);
    const Fd outer = make_epoll(set);
    pollfd fds[] = {{p.a, POLLIN, 0}, {idle.a, POLLPRI, 0}};
    fd_set in = set_of(p.a), except = set_of(idle.a);
    FD_SET(idle.b, &in);
    epoll_event event{};
    const auto wait = [&]() -> ssize_t {
      switch (which) {
        case 0:
          return runtime_ppoll(fds, 2, nullptr, nullptr);
        case 1:
          return runtime_select(FD_SETSIZE, &in, nullptr, &except, nullptr);
        case 2:
          return runtime_pselect(FD_SETSIZE, &in, nullptr, &except, nullptr, nullptr);
        case 3:
          return runtime_epoll_wait(set, &event, 1, -1);
        case 4:
          return runtime_epoll_wait(outer, &event, 1, -1);
        default:
          return runtime_epoll_pwait(set, &event, 1, 1'000'000, nullptr);
      }
    };
    CHECK(aborted(wait) == failed(ECANCELED));
    CHECK(FD_ISSET(idle.b, &in));  // the sets are as they were
    CHECK(parked(wait, [&] { put(p.b); }) == done(1));
    if (which == 0) CHECK(fds[0].revents == POLLIN);
    if (which == 1 || which == 2) CHECK((FD_ISSET(p.a, &in) && !FD_ISSET(idle.b, &in) && !FD_ISSET(idle.a, &except)));
    if (which == 3 || which == 5) CHECK(+event.data.fd == p.a);
    if (which == 4) CHECK(+event.data.fd == set);
  }
}

TEST_CASE_FIXTURE(Limits, "nothing is looked at again and again, though a descriptor hangs up or a signal is pending") {
  const BlockedSignal blocked;
  ::raise(SIGUSR1);  // it stays blocked here
  Pair gone = make_sockets();
  const Pair full = make_sockets(), idle = make_sockets();
  gone.b.reset();
  fill(full.a);
  const Fd set = make_epoll(gone.a, EPOLLIN | EPOLLET);
  epoll_event event{};
  REQUIRE(::epoll_wait(set, &event, 1, 0) == 1);  // taken: there will be no other
  sigset_t own;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &own);
  on_fiber([&] {
    fd_set except = set_of(gone.a), out = set_of(full.a), in = set_of(idle.a);
    timeval limit{0, 400'000};
    const timespec same{0, 400'000'000};
    pollfd fd{idle.a, POLLIN, 0};
    auto selecting = runtime::spawn_local([&] { return runtime_select(FD_SETSIZE, nullptr, &out, &except, &limit); });
    auto masked = runtime::spawn_local([&] { return runtime_pselect(FD_SETSIZE, &in, nullptr, nullptr, &same, &own); });
    auto polling = runtime::spawn_local([&] { return runtime_ppoll(&fd, 1, &same, &own); });
    auto taking = runtime::spawn_local([&] { return runtime_epoll_pwait(set, &event, 1, 400, &own); });
    const auto before = resumes();
    CHECK(selecting.join() == 0);
    CHECK(masked.join() == 0);
    CHECK(polling.join() == 0);
    CHECK(taking.join() == 0);
    CHECK(resumes() - before < 100);  // a loop makes thousands
    CHECK(limit.tv_usec == 0);
  });
  CHECK(handled == 0);
}

TEST_CASE_FIXTURE(Limits,
                  "receiving does not look again and again, though the error queue holds what nobody has read") {
  const Fd fd = make_udp();
  const sockaddr_in here = bind_loopback(fd);
  sockaddr_in there{};
  {
    const Fd gone = make_udp();
    there = bind_loopback(gone);
  }
  const int on = 1;
  REQUIRE(::setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on) == 0);
  REQUIRE(::sendto(fd, "x", 1, 0, generic(there), sizeof there) == 1);
  char byte;
  REQUIRE(say([&] { return ::recv(fd, &byte, 1, 0); }) ==
          failed(ECONNREFUSED));  // the error; its news stays in the queue
  on_fiber([&] {
    auto receiving = runtime::spawn_local([&] { return say([&] { return runtime_recv(fd, &byte, 1, 0); }); });
    const auto before = resumes();
    runtime::sleep_for(300ms);
    CHECK(resumes() - before < 1000);  // it looks every 8 ms; a loop would each time
    CHECK_FALSE(receiving.is_finished());
    const Fd sender = make_udp();
    CHECK(::sendto(sender, "x", 1, 0, generic(here), sizeof here) == 1);
    CHECK(receiving.join() == done(1));
  });
}

TEST_CASE_FIXTURE(Limits, "sending to a receiver that has no room does not look again and again, and finds room when it comes") {
  // As syslog() does it: not connected, so that readiness says nothing of the receiver.
  const Fd receiver(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)), sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  auto* const generic_address = reinterpret_cast<sockaddr*>(&address);
  address.sun_family = AF_UNIX;
  socklen_t size = sizeof(sa_family_t);  // the kernel chooses an abstract name
  REQUIRE(::bind(receiver, generic_address, size) == 0);
  size = sizeof address;
  REQUIRE(::getsockname(receiver, generic_address, &size) == 0);
  char byte = 'x';
  while (::sendto(sender, &byte, 1, MSG_DONTWAIT, generic_address, size) == 1) {
  }
  on_fiber([&] {
    auto sending = runtime::spawn_local(
        [&] { return say([&] { return runtime_sendto(sender, &byte, 1, 0, generic_address, size); }); });
    const auto before = resumes();
    runtime::sleep_for(100ms);
    CHECK(resumes() - before < 500);
    CHECK_FALSE(sending.is_finished());
    CHECK(::recv(receiver, &byte, 1, 0) == 1);
    CHECK(sending.join() == done(1));
  });
}

TEST_CASE_FIXTURE(Limits, "a number beyond the kernel's table is no descriptor that select would look at for ever") {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(FD_SETSIZE - 1, &set);
  timeval limit{0, 0};
  fd_set same = set;
  const int expected = ::select(FD_SETSIZE, &same, nullptr, nullptr, &limit);  // EBADF where the table is so large
  on_fiber([&] {
    limit = {0, 50'000};
    bool has_run = false;
    auto other = runtime::spawn_local([&] { has_run = true; });
    CHECK(runtime_select(FD_SETSIZE, &set, nullptr, nullptr, &limit) == expected);
    if (expected == 0) CHECK(has_run);
    other.join();
  });
}

TEST_CASE_FIXTURE(Limits, "select finds room that comes later") {
  const Pair full = make_sockets();
  fill(full.a);
  fd_set out = set_of(full.a);
  const auto wait = [&] { return runtime_select(FD_SETSIZE, nullptr, &out, nullptr, nullptr); };
  std::vector<char> room(1 << 20);
  CHECK(parked(wait, [&] { CHECK(::read(full.b, room.data(), room.size()) > 0); }) == done(1));
}

TEST_CASE_FIXTURE(Limits, "select over hundreds of descriptors, beyond FD_SETSIZE where that is allowed") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit more{std::max<rlim_t>(before.rlim_cur, std::min<rlim_t>(before.rlim_max, 4000)), before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &more) == 0);
  {
    const int first = more.rlim_cur >= 4000 ? 1500 : 100;
    std::vector<Pair> pairs;
    std::vector<unsigned long> set(4096 / 64);
    int last = 0;
    for (int i = 0; i < 300; ++i) {
      pairs.push_back(make_sockets());
      Fd high(::fcntl(pairs.back().a, F_DUPFD_CLOEXEC, first));
      pairs.back().a = std::move(high);
      last = pairs.back().a;
      set[last / 64] |= 1UL << (last % 64);
    }
    const auto wait = [&] {
      return runtime_select(last + 1, reinterpret_cast<fd_set*>(set.data()), nullptr, nullptr, nullptr);
    };
    CHECK(parked(wait, [&] { put(pairs.back().b), put(pairs[7].b); }) == done(2));
    CHECK((set[last / 64] >> (last % 64) & 1) == 1);
  }
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE_FIXTURE(Limits, "a count beyond all descriptors reads no more of a set than the kernel does") {
  const Pair p = make_sockets();
  const SmallSet small;
  FD_SET(p.b, small.set);
  const auto wait = [&] { return runtime_select(1'000'000, nullptr, small.set, nullptr, nullptr); };
  CHECK(on_fiber([&] { return say(wait); }) == done(1));
  CHECK(FD_ISSET(p.b, small.set));
}

TEST_CASE_FIXTURE(Limits, "a mask that lets a blocked signal through: its handler runs, and the call goes on") {
  const BlockedSignal blocked;
  for (const int which : {0, 1, 2}) {
    CAPTURE(which);
    handled = 0;
    const Pair p = make_sockets();
    const Fd set = make_epoll(p.a);
    pollfd fd{p.a, POLLIN, 0};
    fd_set in = set_of(p.a);
    epoll_event event{};
    const auto wait = [&]() -> ssize_t {
      if (which == 0) return runtime_ppoll(&fd, 1, nullptr, &blocked.none);
      if (which == 1) return runtime_pselect(p.a + 1, &in, nullptr, nullptr, nullptr, &blocked.none);
      return runtime_epoll_pwait(set, &event, 1, -1, &blocked.none);
    };
    ::raise(SIGUSR1);  // pending when the call begins
    const Said said = parked(wait, [&] {
      CHECK(handled == 1);
      ::raise(SIGUSR1);  // comes while it waits
      settle();
      CHECK(handled == 2);
      sigset_t now;
      ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
      CHECK(::sigismember(&now, SIGUSR1) == 1);  // the others on this thread have its own mask
      put(p.b);
    });
    CHECK(said == done(1));
    CHECK(handled == 2);
  }
  // Without a mask it stays blocked.
  const Pair p = make_sockets();
  ::raise(SIGUSR1);
  CHECK(parked(
            [&] {
              pollfd fd{p.a, POLLIN, 0};
              return runtime_ppoll(&fd, 1, nullptr, nullptr);
            },
            [&] { put(p.b); }) == done(1));
  CHECK(handled == 2);
  const timespec none{0, 0};
  CHECK(on_fiber([&] { return say([&] { return runtime_ppoll(nullptr, 0, &none, &blocked.none); }); }) == done(0));
  CHECK(handled == 3);
}

TEST_CASE_FIXTURE(Limits,
                  "closing, and becoming the target of dup2 or dup3, ends the waits with EBADF, from any thread") {
  const Pair other = make_pipe();
  for (const int how : {0, 1, 2, 3}) {
    for (const int which : {0, 1, 2, 3}) {
      CAPTURE(how);
      CAPTURE(which);
      Pair p = make_sockets();
      Fd set = make_epoll(p.a);
      const int fd = which == 2 ? +set : +p.a;
      char buffer[8];
      fd_set in = set_of(fd);
      epoll_event event{};
      iovec part{buffer, 8};
      mmsghdr message{};
      message.msg_hdr.msg_iov = &part;
      message.msg_hdr.msg_iovlen = 1;
      const auto wait = [&]() -> ssize_t {
        if (which == 0) return runtime_read(fd, buffer, 8);
        if (which == 1) return runtime_select(fd + 1, &in, nullptr, nullptr, nullptr);
        if (which == 2) return runtime_epoll_wait(fd, &event, 1, -1);
        return runtime_recvmmsg(fd, &message, 1, 0, nullptr);
      };
      const auto end = [&] {
        if (how == 0) CHECK(runtime_close(fd) == 0);
        if (how == 1) CHECK(runtime_dup2(other.a, fd) == fd);
        if (how == 2) CHECK(runtime_dup3(other.a, fd, O_CLOEXEC) == fd);
        if (how == 3) std::thread([&] { CHECK(runtime_dup2(other.a, fd) == fd); }).join();
      };
      CHECK(parked(wait, end) == failed(EBADF));
      if (how == 0) static_cast<void>(which == 2 ? set.release() : p.a.release());
    }
  }
}

TEST_CASE_FIXTURE(Limits, "a dup2 that does nothing disturbs nobody") {
  const Pair p = make_sockets();
  char byte;
  const auto end = [&] {
    CHECK(runtime_dup2(p.a, p.a) == p.a);
    CHECK(runtime_dup2(1'000'000, p.a) == -1);
    CHECK(runtime_dup3(p.b, p.a, O_APPEND) == -1);
    settle();
    put(p.b);
  };
  CHECK(parked([&] { return runtime_read(p.a, &byte, 1); }, end) == done(1));
}

TEST_CASE_FIXTURE(Limits, "a dump says what each of them waits for, and each costs a unit of the budget") {
  const Pair p = make_sockets();
  const Fd set = make_epoll(p.a);
  on_fiber([&] {
    fd_set in = set_of(p.a);
    pollfd fd{p.a, POLLIN, 0};
    epoll_event event{};
    const timespec time{1000, 0};
    auto polling = runtime::spawn_local([&] { return runtime_ppoll(&fd, 1, nullptr, nullptr); });
    auto selecting = runtime::spawn_local([&] { return runtime_select(p.a + 1, &in, nullptr, nullptr, nullptr); });
    auto taking = runtime::spawn_local([&] { return runtime_epoll_wait(set, &event, 1, -1); });
    auto sleeping = runtime::spawn_local([&] { return runtime_clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr); });
    settle();
    const std::string text = runtime::Handle::current().dump().to_text();
    const auto count = [&text](const std::string& what) {
      int found = 0;
      for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++found;
      return found;
    };
    CHECK(count("waits for descriptor " + std::to_string(p.a) + " (readable)") == 2);
    CHECK(count("waits for descriptor " + std::to_string(set) + " (readable)") == 1);
    CHECK(count("waits for timer") >= 1);
    sleeping.abort();
    CHECK(sleeping.join() == ECANCELED);
    put(p.b);
    CHECK(polling.join() == 1);
    CHECK(selecting.join() == 1);
    CHECK(taking.join() == 1);

    // All are ready now, and none of them waits; a timer has its turn all the same.
    for (const int which : {0, 1, 2}) {
      bool has_fired = false;
      auto timer = runtime::spawn_local([&] {
        runtime::sleep_for(1ms);
        has_fired = true;
      });
      while (!has_fired) {
        if (which == 0) REQUIRE(runtime_ppoll(&fd, 1, nullptr, nullptr) == 1);
        if (which == 1) REQUIRE(runtime_select(p.a + 1, &in, nullptr, nullptr, nullptr) == 1);
        if (which == 2) REQUIRE(runtime_epoll_wait(set, &event, 1, -1) == 1);
      }
      timer.join();
    }
  });
}
