// The calls that wait for several descriptors, children, locks, FIFOs and clocks: on a fiber they park until what they
// wait for comes, end with ECANCELED when the task is aborted, and with EBADF when the descriptor is closed or replaced.

#include <netdb.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <functional>
#include <thread>

#include "posix_support.hpp"

using namespace posix_test;

namespace {

/// Parks in the call, of which nothing comes until `cause` is there.
Said parked(std::function<ssize_t()> call, std::function<void()> cause) {
  return on_fiber([&] {
    auto waiter = runtime::spawn_local([&] { return say(call); });
    settle();
    CHECK_FALSE(waiter.is_finished());
    cause();
    return waiter.join();
  });
}

/// The same, aborted while it is parked; the call must not throw.
Said aborted(std::function<ssize_t()> call) {
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

void put(int fd) { CHECK(::write(fd, "x", 1) == 1); }

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

/// A child that lives until it is killed.
pid_t make_child() {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    for (;;) ::pause();
  }
  return child;
}

void kill_child(pid_t child) { CHECK(::kill(child, SIGKILL) == 0); }

/// A named file of its own, in a folder that goes with it.
struct Place {
  Place() {
    std::string pattern = temporary_pattern();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder = pattern;
    path = folder / "place";
  }
  ~Place() { std::filesystem::remove_all(folder); }
  std::filesystem::path folder, path;
};

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
        case 0: return runtime_ppoll(fds, 2, nullptr, nullptr);
        case 1: return runtime_select(FD_SETSIZE, &in, nullptr, &except, nullptr);
        case 2: return runtime_pselect(FD_SETSIZE, &in, nullptr, &except, nullptr, nullptr);
        case 3: return runtime_epoll_wait(set, &event, 1, -1);
        case 4: return runtime_epoll_wait(outer, &event, 1, -1);
        default: return runtime_epoll_pwait(set, &event, 1, 1'000'000, nullptr);
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

TEST_CASE_FIXTURE(Limits, "waiting costs no processor time, though a descriptor hangs up or a signal is pending") {
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
  const auto processor_time = [] {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  };
  on_fiber([&] {
    fd_set except = set_of(gone.a), out = set_of(full.a), in = set_of(idle.a);
    timeval limit{0, 400'000};
    const timespec same{0, 400'000'000};
    pollfd fd{idle.a, POLLIN, 0};
    auto selecting = runtime::spawn_local([&] { return runtime_select(FD_SETSIZE, nullptr, &out, &except, &limit); });
    auto masked = runtime::spawn_local([&] { return runtime_pselect(FD_SETSIZE, &in, nullptr, nullptr, &same, &own); });
    auto polling = runtime::spawn_local([&] { return runtime_ppoll(&fd, 1, &same, &own); });
    auto taking = runtime::spawn_local([&] { return runtime_epoll_pwait(set, &event, 1, 400, &own); });
    const auto before = processor_time();
    CHECK(selecting.join() == 0);
    CHECK(masked.join() == 0);
    CHECK(polling.join() == 0);
    CHECK(taking.join() == 0);
    CHECK(processor_time() - before < 200ms);  // of 400: a loop would take them all
    CHECK(limit.tv_usec == 0);
  });
  CHECK(handled == 0);
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
  CHECK(parked([&] { pollfd fd{p.a, POLLIN, 0}; return runtime_ppoll(&fd, 1, nullptr, nullptr); }, [&] { put(p.b); }) == done(1));
  CHECK(handled == 2);
  const timespec none{0, 0};
  CHECK(on_fiber([&] { return say([&] { return runtime_ppoll(nullptr, 0, &none, &blocked.none); }); }) == done(0));
  CHECK(handled == 3);
}

TEST_CASE_FIXTURE(Limits, "closing, and becoming the target of dup2 or dup3, ends the waits with EBADF, from any thread") {
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

TEST_CASE_FIXTURE(Limits, "children: one, any, of a group, traced stops not needed; others are left alone") {
  for (const int which : {0, 1, 2, 3, 4, 5}) {
    CAPTURE(which);
    const pid_t child = make_child(), bystander = make_child();
    ::setpgid(child, child);
    siginfo_t info{};
    int status = 0;
    const auto wait = [&]() -> ssize_t {
      switch (which) {
        case 0: return runtime_waitpid(child, &status, 0);
        case 1: return runtime_waitpid(-1, &status, 0);
        case 2: return runtime_waitpid(-child, &status, 0);
        case 3: return runtime_waitpid(child, &status, WUNTRACED);
        case 4: return runtime_waitid(P_PID, static_cast<id_t>(child), &info, WEXITED);
        default: return runtime_waitid(P_PGID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
      }
    };
    CHECK(aborted(wait) == failed(ECANCELED));
    const Said said = parked(wait, [&] { kill_child(child); });
    CHECK(said == done(which < 4 ? child : 0));
    if (which < 4) CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    if (which >= 4) CHECK(info.si_pid == child);
    CHECK(::waitpid(child, nullptr, WNOHANG) == (which == 5 ? child : -1));
    kill_child(bystander);
    CHECK(::waitpid(bystander, nullptr, 0) == bystander);
  }
}

TEST_CASE_FIXTURE(Limits, "a child that somebody else reaps is ECHILD; a stop is reported to who asks for it") {
  const pid_t child = make_child();
  int status = 0;
  const auto stop = [&] { CHECK(::kill(child, SIGSTOP) == 0); };
  CHECK(parked([&] { return runtime_waitpid(child, &status, WUNTRACED); }, stop) == done(child));
  CHECK(WIFSTOPPED(status));
  const auto reap = [&] {
    kill_child(child);
    CHECK(::waitpid(child, nullptr, 0) == child);
  };
  CHECK(parked([&] { return runtime_waitpid(child, &status, 0); }, reap) == failed(ECHILD));
}

TEST_CASE_FIXTURE(Limits, "locks are waited for, and the wait can be cancelled") {
  const Place place;
  const Fd one(::open(place.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)), two(::open(place.path.c_str(), O_RDWR | O_CLOEXEC));
  const auto whole = [&] { return runtime_flock(two, LOCK_EX); };
  REQUIRE(::flock(one, LOCK_EX) == 0);
  CHECK(aborted(whole) == failed(ECANCELED));
  CHECK(parked(whole, [&] { CHECK(runtime_flock(one, LOCK_UN) == 0); }) == done(0));
  CHECK(::flock(one, LOCK_EX | LOCK_NB) == -1);

  struct flock lock {};
  lock.l_type = F_WRLCK;
  REQUIRE(::fcntl(one, F_OFD_SETLK, &lock) == 0);
  const auto range = [&] { return runtime_fcntl(two, F_OFD_SETLKW, &lock); };
  const auto process = [&] { return runtime_fcntl(two, F_SETLKW, &lock); };
  CHECK(aborted(range) == failed(ECANCELED));
  CHECK(aborted(process) == failed(ECANCELED));
  const auto unlock = [&] {
    struct flock off {};
    off.l_type = F_UNLCK;
    CHECK(runtime_fcntl(one, F_OFD_SETLKW, &off) == 0);
  };
  CHECK(parked(process, unlock) == done(0));
}

TEST_CASE_FIXTURE(Limits, "a FIFO opens when both ends are there, whoever comes first, and with any pool") {
  const Place place;
  const char* path = place.path.c_str();
  REQUIRE(::mkfifo(path, 0600) == 0);
  const auto read_end = [&] { return runtime_open(path, O_RDONLY | O_CLOEXEC); };
  const auto write_end = [&] { return runtime_open(path, O_WRONLY | O_CLOEXEC); };
  CHECK(aborted(read_end) == failed(ECANCELED));
  CHECK(aborted(write_end) == failed(ECANCELED));
  for (const bool reader_first : {true, false}) {
    CAPTURE(reader_first);
    for (const bool by_thread : {false, true}) {  // the other end: a fiber, or a plain thread in a blocking open()
      CAPTURE(by_thread);
      runtime::LocalRuntime rt = runtime::Builder().max_blocking_threads(1).build_local();
      rt.block_on([&] {
        auto first = runtime::spawn_local([&] { return reader_first ? read_end() : write_end(); });
        settle();
        CHECK_FALSE(first.is_finished());
        int fd = -1;
        std::thread thread;
        if (by_thread) {
          thread = std::thread([&] { fd = ::open(path, (reader_first ? O_WRONLY : O_RDONLY) | O_CLOEXEC); });
        } else {
          fd = reader_first ? write_end() : read_end();
        }
        const Fd one(first.join());
        if (by_thread) thread.join();
        const Fd two(fd);
        CHECK_FALSE(is_nonblocking(one));
        CHECK_FALSE(is_nonblocking(two));
        put(reader_first ? two : one);
        char byte;
        CHECK(runtime_read(reader_first ? one : two, &byte, 1) == 1);
      });
    }
  }
  // A writer that has come and gone again has been there.
  CHECK(parked([&] { const Fd fd(read_end()); return fd >= 0; }, [&] { ::close(::open(path, O_WRONLY)); }) == done(1));
}

TEST_CASE_FIXTURE(Limits, "sleeping until a moment can be cancelled, and tells the code and what is left") {
  timespec moment{}, left{7, 7};
  for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME}) {
    CAPTURE(clock);
    ::clock_gettime(clock, &moment);
    moment.tv_sec += 1000;
    CHECK(aborted([&] { return runtime_clock_nanosleep(clock, TIMER_ABSTIME, &moment, &left); }) == done(ECANCELED));
    CHECK(left.tv_sec == 7);
    const timespec time{100, 0};
    timespec rest{};
    CHECK(aborted([&] { return runtime_clock_nanosleep(clock, 0, &time, &rest); }) == done(ECANCELED));
    CHECK(rest.tv_sec >= 60);
    CHECK(rest.tv_sec < 100);
  }
}

TEST_CASE_FIXTURE(Limits, "lookups on a busy pool are left behind; files are not begun in a cancelled task") {
  const Fd file = make_temporary_file();
  runtime::LocalRuntime rt = runtime::Builder().max_blocking_threads(1).build_local();
  const Pair gate = make_pipe();
  rt.block_on([&] {
    auto busy = runtime::spawn_blocking([&] {
      char byte;
      return ::read(gate.a, &byte, 1);
    });
    const sockaddr_in address = loopback();
    char host[64], buffer[1024];
    hostent entry{}, *found = &entry;
    int host_error = 0;
    Said named{}, looked_up{}, opened{};
    auto naming = runtime::spawn_local([&] {
      named = say([&] { return runtime_getnameinfo(generic(address), sizeof address, host, 64, nullptr, 0, 0); });
    });
    auto looking = runtime::spawn_local([&] {
      looked_up = say([&] { return runtime_gethostbyname_r("localhost", &entry, buffer, 1024, &found, &host_error); });
      opened = say([] { return runtime_open("/dev/null", O_RDONLY); });
      CHECK(say([&] { return runtime_fsync(file); }) == failed(ECANCELED));
    });
    settle();
    naming.abort();
    looking.abort();
    naming.join();
    looking.join();
    CHECK(named == Said{EAI_SYSTEM, ECANCELED});
    CHECK(looked_up == Said{ECANCELED, ECANCELED});
    CHECK(found == nullptr);
    CHECK(host_error == NETDB_INTERNAL);
    CHECK(opened == failed(ECANCELED));
    put(gate.b);
    CHECK(busy.join() == 1);
  });
}

TEST_CASE_FIXTURE(Limits, "several messages: waited for until all have come, sent until all are out, short when cancelled") {
  const Pair p = make_sockets(SOCK_SEQPACKET);
  char room[3][8];
  iovec parts[3];
  mmsghdr messages[3]{};
  for (int i = 0; i < 3; ++i) {
    parts[i] = {room[i], 8};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const auto receive = [&] { return runtime_recvmmsg(p.a, messages, 3, 0, nullptr); };
  put(p.b);
  CHECK(aborted(receive) == done(1));
  CHECK(aborted(receive) == failed(ECANCELED));
  put(p.b);
  CHECK(parked(receive, [&] { put(p.b), put(p.b); }) == done(3));
  CHECK(messages[2].msg_len == 1);

  const Pair stream = make_sockets();
  std::string text(1 << 20, 'x');
  for (iovec& part : parts) part = {text.data(), text.size()};
  const auto send = [&] { return runtime_sendmmsg(stream.a, messages, 3, 0); };
  std::size_t received = 0;
  const auto drain = [&] {
    std::vector<char> bytes(1 << 20);
    while (received < 3 * text.size()) {
      const ssize_t n = runtime_read(stream.b, bytes.data(), bytes.size());
      REQUIRE(n > 0);
      received += static_cast<std::size_t>(n);
    }
  };
  CHECK(parked(send, drain) == done(3));
  CHECK(messages[2].msg_len == text.size());
  fill(stream.a);
  CHECK(aborted(send) == failed(ECANCELED));
}
