// One table for all calls: whatever they are asked, runtime_ says and does what the C library does, on a plain thread
// and on a fiber. What bytes, messages and connections do at length is in tables of their own (posix_bytes_test and so
// on).

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <cstring>

#include "posix_compare.hpp"

using namespace posix_test;

namespace {

constexpr int kNoFd = 1'000'000;

/// A page that cannot be written, or that is mapped and holds nothing: the kernel says EFAULT. (Valgrind takes both for
/// memory, and must not look into the latter, as it does with what it knows to be a list or a text.)
class BadPage {
 public:
  enum Kind { kNothing, kReadOnly };
  explicit BadPage(Kind kind = kNothing) : file_(make_temporary_file()) {
    if (kind == kReadOnly) REQUIRE(::ftruncate(file_, 4096) == 0);
    page_ = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file_, 0);
    REQUIRE(page_ != MAP_FAILED);
  }
  ~BadPage() { ::munmap(page_, 4096); }
  template <class T>
  T* as() const {
    return static_cast<T*>(page_);
  }

 private:
  Fd file_;
  void* page_;
};

Fd make_epoll(int fd, std::uint32_t events) {
  Fd set(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = events;
  event.data.fd = 7;
  REQUIRE(::epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
  return set;
}

/// Which of two descriptors a set holds.
std::string members(const fd_set& set, const Pair& p) {
  return std::string(FD_ISSET(p.a, &set) ? "a" : "-") + (FD_ISSET(p.b, &set) ? "b" : "-");
}

constexpr timespec kNow{0, 0};
constexpr timespec kSoon{0, 2'000'000};

}  // namespace

TEST_CASE_FIXTURE(Limits, "what is no descriptor, or of the wrong kind, is refused alike") {
  const BadPage bad;
  std::vector<Situation> table;
  // Each call on: no descriptor, a pipe's end, a file.
  for (const int which : {0, 1, 2}) {
    table.push_back({"each call on a descriptor that does not suit it", [&bad, which](const Calls& c, Story& s) {
                       const Pair pipe = make_pipe();
                       const Fd file = make_file("abc");
                       const int fd = which == 0 ? kNoFd : which == 1 ? +pipe.b : +file;
                       char byte = 'x';
                       iovec part{&byte, 1};
                       msghdr message{};
                       message.msg_iov = &part;
                       message.msg_iovlen = 1;
                       mmsghdr many{message, 0};
                       const sockaddr_in address = loopback(1);
                       epoll_event event{};
                       s.tell([&] { return c.recv(fd, &byte, 1, 0); });
                       s.tell([&] { return c.recvfrom(fd, &byte, 1, 0, nullptr, nullptr); });
                       s.tell([&] { return c.recvmsg(fd, &message, 0); });
                       s.tell([&] { return c.recvmmsg(fd, &many, 1, 0, nullptr); });
                       s.tell([&] { return c.send(fd, &byte, 1, 0); });
                       s.tell([&] { return c.sendto(fd, &byte, 1, 0, nullptr, 0); });
                       s.tell([&] { return c.sendmsg(fd, &message, 0); });
                       s.tell([&] { return c.sendmmsg(fd, &many, 1, 0); });
                       s.tell([&] { return c.connect(fd, generic(address), sizeof address); });
                       s.tell([&] { return c.accept(fd, nullptr, nullptr); });
                       s.tell([&] { return c.accept4(fd, nullptr, nullptr, 0); });
                       s.tell([&] { return c.shutdown(fd, SHUT_RD); });
                       s.tell([&] { return c.epoll_wait(fd, &event, 1, 0); });
                       s.tell([&] { return c.epoll_pwait(fd, &event, 1, -1, nullptr); });
                       s.tell([&] { return c.pread(fd, &byte, 1, 1); });
                       s << std::string(1, byte);
                       s.tell([&] { return c.preadv(fd, &part, 1, 1); });
                       s.tell([&] { return c.preadv(fd, &part, -1, 1); });
                       s.tell([&] { return c.pread(fd, &byte, 1, -1); });
                       s.tell([&] { return c.preadv(fd, &part, 1, -1); });
                       s.tell([&] { return c.pread(fd, &byte, 1, 100); });
                       s.tell([&] { return c.pread(fd, &byte, 0, 0); });
                       s.tell([&] { return c.pwrite(fd, &byte, 1, 4); });
                       s.tell([&] { return c.pwritev(fd, &part, 1, 5); });
                       s.tell([&] { return c.pwrite(fd, &byte, 1, -1); });
                       s.tell([&] { return c.pwrite(fd, &byte, 0, 0); });
                       s.tell([&] { return c.pread(fd, bad.as<char>(), 1, 0); });
                       s.tell([&] { return c.pwrite(fd, bad.as<char>(), 1, 0); });
                       s.tell([&] { return c.fsync(fd); });
                       s.tell([&] { return c.fdatasync(fd); });
                       s.tell([&] { return c.flock(fd, LOCK_UN); });
                       s.tell([&] { return c.flock(fd, 77); });
                       s.tell([&] { return c.openat(fd, "x", O_RDONLY); });
                       s.tell([&] { return c.fcntl(fd, F_GETFD) & ~FD_CLOEXEC; });
                       s.tell([&] { return c.fcntl(fd, F_GETFL) & O_ACCMODE; });
                       struct flock lock {};
                       lock.l_type = F_RDLCK;
                       s.tell([&] { return c.fcntl(fd, F_SETLKW, &lock); });
                       s.tell([&] { return c.fcntl(fd, F_OFD_SETLKW, &lock); });
                       s.tell([&] { return c.fcntl(fd, 7777, 0); });
                       siginfo_t info{};
                       s.tell(
                           [&] { return c.waitid(static_cast<idtype_t>(3), static_cast<id_t>(fd), &info, WEXITED); });
                       s.tell([&] { return c.dup3(fd, fd, 0); });
                       s.tell([&] { return c.dup3(fd, 100, O_APPEND); });
                       s.tell([&] { return c.dup2(fd, -1); });
                       s.tell([&] { return c.dup2(fd, kNoFd + 1); });
                       if (which == 0) s.tell([&] { return c.dup(fd); });
                       if (which == 0) s.tell([&] { return c.close(fd); });
                       s.tell([&] { return c.read(fd, bad.as<char>(), 1); });
                       s.tell([&] { return c.write(fd, bad.as<char>(), 1); });
                       const iovec bad_part{bad.as<char>(), 1};
                       s.tell([&] { return c.readv(fd, &bad_part, 1); });
                       s.tell([&] { return c.writev(fd, &bad_part, 1); });
                     }});
  }
  table.push_back({"memory that is none", [&bad](const Calls& c, Story& s) {
                     const Pair p = make_sockets();
                     const BadPage read_only(BadPage::kReadOnly);
                     const Fd set = make_epoll(p.a, EPOLLOUT);
                     REQUIRE(::send(p.b, "ab", 2, 0) == 2);
                     s.tell([&] { return c.recv(p.a, bad.as<char>(), 1, 0); });
                     s.tell([&] { return c.send(p.a, bad.as<char>(), 1, 0); });
                     s.tell([&] { return c.poll(read_only.as<pollfd>(), 1, 0); });
                     s.tell([&] { return c.ppoll(read_only.as<pollfd>(), 1, &kNow, nullptr); });
                     s.tell([&] { return c.epoll_wait(set, bad.as<epoll_event>(), 1, -1); });
                     tell_recv(c, s, p.a, 0);
                   }});
  compare(table);
}

TEST_CASE_FIXTURE(Limits, "poll, ppoll, select, pselect, epoll_wait") {
  compare({
      {"what is ready, in all of them",
       [](const Calls& c, Story& s) {
         const Pair p = make_sockets();
         REQUIRE(::send(p.b, "x", 1, 0) == 1);
         pollfd fds[] = {{p.a, POLLIN | POLLOUT, 0}, {p.b, POLLIN, 0}, {-1, POLLIN, 7}, {kNoFd, POLLIN, 0}};
         s.tell([&] { return c.ppoll(fds, 4, nullptr, nullptr); });
         for (const pollfd& fd : fds) s << std::to_string(fd.revents);
         for (const bool is_pselect : {false, true}) {
           fd_set in{}, out{}, except{};
           FD_SET(p.a, &in);
           FD_SET(p.b, &in);
           FD_SET(p.b, &out);
           FD_SET(p.a, &except);
           const int count = std::max<int>(p.a, p.b) + 1;
           s.tell([&] {
             return is_pselect ? c.pselect(count, &in, &out, &except, nullptr, nullptr)
                               : c.select(count, &in, &out, &except, nullptr);
           });
           s << members(in, p) << members(out, p) << members(except, p);
         }
         epoll_event events[2] = {};
         s.tell([&] { return c.epoll_wait(make_epoll(p.a, EPOLLIN), events, 2, -1); });
         s << std::to_string(events[0].events) << std::to_string(events[0].data.fd);
       }},
      {"nothing is ready, at once and in time",
       [](const Calls& c, Story& s) {
         const Pair p = make_sockets();
         const Fd set = make_epoll(p.a, EPOLLIN);
         epoll_event event{};
         for (const timespec& limit : {kNow, kSoon}) {
           pollfd fd{p.a, POLLIN, 9};
           s.tell([&] { return c.ppoll(&fd, 1, &limit, nullptr); });
           s << std::to_string(fd.revents);
           fd_set in{}, out{};
           FD_SET(p.a, &in);
           FD_SET(p.b, &in);
           s.tell([&] { return c.pselect(FD_SETSIZE, &in, &out, nullptr, &limit, nullptr); });
           s << members(in, p) << members(out, p);
           FD_SET(p.a, &in);
           timeval left{0, limit.tv_nsec / 1000};
           s.tell([&] { return c.select(FD_SETSIZE, &in, nullptr, nullptr, &left); });
           s << members(in, p) << std::to_string(left.tv_sec) << std::to_string(left.tv_usec);
           s.tell([&] { return c.epoll_wait(set, &event, 1, static_cast<int>(limit.tv_nsec / 1'000'000)); });
           s.tell([&] { return c.select(0, nullptr, nullptr, nullptr, &left); });
         }
       }},
      {"select writes back what is left, and takes a second's microseconds and more",
       [](const Calls& c, Story& s) {
         const Pair p = make_pipe();
         fd_set out{};
         FD_SET(p.b, &out);
         timeval left{100, 5'000'000};
         s.tell([&] { return c.select(p.b + 1, nullptr, &out, nullptr, &left); });
         s << members(out, p) << (left.tv_sec == 104 ? "104" : "other") << (left.tv_usec < 1'000'000 ? "less" : "more");
       }},
      {"times and counts that are none",
       [](const Calls& c, Story& s) {
         const Pair p = make_pipe();
         const Fd set = make_epoll(p.a, EPOLLIN);
         epoll_event event{};
         fd_set in{};
         FD_SET(p.a, &in);
         for (const timespec& limit : {timespec{-1, 0}, timespec{0, -1}, timespec{0, 1'000'000'000}}) {
           s.tell([&] { return c.ppoll(nullptr, 0, &limit, nullptr); });
           s.tell([&] { return c.pselect(p.a + 1, &in, nullptr, nullptr, &limit, nullptr); });
         }
         for (timeval limit : {timeval{-1, 0}, timeval{0, -1}}) {
           s.tell([&] { return c.select(p.a + 1, &in, nullptr, nullptr, &limit); });
         }
         s.tell([&] { return c.select(-1, nullptr, nullptr, nullptr, nullptr); });
         s.tell([&] { return c.pselect(-1, nullptr, nullptr, nullptr, nullptr, nullptr); });
         s.tell([&] { return c.epoll_wait(set, &event, 0, -1); });
         s << members(in, p);
       }},
      {"select on a closed descriptor",
       [](const Calls& c, Story& s) {
         const Pair p = make_pipe();
         fd_set in{};
         FD_SET(p.a, &in);
         FD_SET(60, &in);  // within the table of every process, and not open here
         s.tell([&] { return c.select(61, &in, nullptr, nullptr, nullptr); });
         s << members(in, p);
       }},
      {"hang-ups: select calls them readable, and exceptional only what is urgent",
       [](const Calls& c, Story& s) {
         Pair p = make_pipe();
         p.b.reset();
         for (const int kind : {0, 1, 2}) {
           fd_set sets[3] = {};
           FD_SET(p.a, &sets[kind]);
           timeval limit{0, 2000};
           s.tell([&] { return c.select(p.a + 1, &sets[0], &sets[1], &sets[2], &limit); });
           for (const fd_set& set : sets) s << (FD_ISSET(p.a, &set) ? "a" : "-");
         }
       }},
      {"sets larger than FD_SETSIZE",
       [](const Calls& c, Story& s) {
         rlimit before{};
         REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
         const rlimit more{std::max<rlim_t>(before.rlim_cur, 3000), before.rlim_max};
         if (before.rlim_max < 3000 || ::setrlimit(RLIMIT_NOFILE, &more) != 0) return;
         const Pair p = make_sockets();
         const Fd high(::fcntl(p.a, F_DUPFD_CLOEXEC, 2500));
         REQUIRE(::send(p.b, "x", 1, 0) == 1);
         std::array<unsigned long, 64> in{}, out{};
         const auto bit = [&](auto& set, int fd) -> unsigned long { return set[fd / 64] >> (fd % 64) & 1; };
         in[high / 64] |= 1UL << (high % 64);
         in[p.b / 64] |= 1UL << (p.b % 64);
         out[high / 64] |= 1UL << (high % 64);
         s.tell([&] {
           return c.select(high + 1, reinterpret_cast<fd_set*>(&in), reinterpret_cast<fd_set*>(&out), nullptr, nullptr);
         });
         s << std::to_string(bit(in, high)) << std::to_string(bit(in, p.b)) << std::to_string(bit(out, high));
         ::setrlimit(RLIMIT_NOFILE, &before);
       }},
  });
}

TEST_CASE_FIXTURE(Limits, "times") {
  compare({
      {"nanosleep, clock_nanosleep, sleep, usleep: good times and bad ones",
       [](const Calls& c, Story& s) {
         timespec left{7, 7};
         for (const timespec& time : {kNow, kSoon, timespec{-1, 0}, timespec{0, -1}, timespec{0, 1'000'000'000}}) {
           s.tell([&] { return c.nanosleep(&time, &left); });
           for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI}) {
             for (const int flags : {0, TIMER_ABSTIME}) {
               s.tell([&] { return c.clock_nanosleep(clock, flags, &time, &left); });
             }
           }
           for (const clockid_t clock : {CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, clockid_t{77}}) {
             s.tell([&] { return c.clock_nanosleep(clock, 0, &time, &left); });
           }
         }
         s << std::to_string(left.tv_sec);
         s.tell([&] { return c.usleep(1000); });
         s.tell([&] { return static_cast<ssize_t>(c.sleep(0)); });
       }},
      {"until a moment, on each clock",
       [](const Calls& c, Story& s) {
         for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI}) {
           timespec moment{}, after{};
           ::clock_gettime(clock, &moment);
           moment.tv_nsec += 3'000'000;
           if (moment.tv_nsec >= 1'000'000'000) ++moment.tv_sec, moment.tv_nsec -= 1'000'000'000;
           s.tell([&] { return c.clock_nanosleep(clock, TIMER_ABSTIME, &moment, nullptr); });
           ::clock_gettime(clock, &after);
           s << (std::pair(after.tv_sec, after.tv_nsec) >= std::pair(moment.tv_sec, moment.tv_nsec) ? "late" : "early");
         }
       }},
  });
}

TEST_CASE_FIXTURE(Limits, "files: opening, locking, duplicating") {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("runtime-same-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  compare({
      {"opening",
       [&](const Calls& c, Story& s) {
         const std::string path = folder / "file";
         const auto tell_open = [&](auto call) {
           errno = 0;
           const int fd = call();
           s << (fd >= 0 ? "open" : ::strerrorname_np(errno));
           CHECK((fd < 0 || errno == 0));
           if (fd < 0) return;
           struct stat status {};
           ::fstat(fd, &status);
           s << std::to_string(status.st_mode) << std::to_string(status.st_size);
           s << std::to_string(::fcntl(fd, F_GETFL)) << std::to_string(::fcntl(fd, F_GETFD));
           ::close(fd);
         };
         tell_open([&] { return c.open(path.c_str(), O_RDONLY); });
         tell_open([&] { return c.open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640); });
         tell_open([&] { return c.open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0640); });
         tell_open([&] { return c.open(path.c_str(), O_WRONLY | O_APPEND | O_NONBLOCK); });
         tell_open([&] { return c.open(path.c_str(), O_RDONLY | O_DIRECTORY); });
         tell_open([&] { return c.open(folder.c_str(), O_RDWR); });
         tell_open([&] { return c.open(folder.c_str(), O_RDWR | O_TMPFILE, 0600); });
         tell_open([&] { return c.open((path + "/x").c_str(), O_RDONLY); });
         tell_open([&] { return c.open("", O_RDONLY); });
         const Fd directory(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
         tell_open([&] { return c.openat(directory, "file", O_RDONLY); });
         tell_open([&] { return c.openat(directory, "other", O_WRONLY | O_CREAT, 0604); });
         tell_open([&] { return c.openat(AT_FDCWD, "/dev/null", O_RDWR); });
         tell_open([&] { return c.creat((folder / "made").c_str(), 0600); });
         const std::string fifo = folder / "fifo";
         REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
         tell_open([&] { return c.open(fifo.c_str(), O_WRONLY | O_NONBLOCK); });
         tell_open([&] { return c.open(fifo.c_str(), O_RDONLY | O_NONBLOCK); });
         tell_open([&] { return c.open(fifo.c_str(), O_RDWR); });
         tell_open([&] { return c.open(fifo.c_str(), O_RDONLY | O_CREAT | O_EXCL, 0600); });
         for (const auto& entry : std::filesystem::directory_iterator(folder)) std::filesystem::remove(entry);
       }},
      {"reading and writing at a place, and the file's own place",
       [](const Calls& c, Story& s) {
         const Fd file = make_file("abcdef");
         char first[2] = {}, second[3] = {};
         const iovec parts[] = {{first, 2}, {nullptr, 0}, {second, 3}};
         s.tell([&] { return c.preadv(file, parts, 3, 2); });
         s << bytes(first, 2) << bytes(second, 2);
         s.tell([&] { return c.pwritev(file, parts, 3, 5); });
         s.tell([&] { return c.pwrite(file, "XY", 2, 1); });
         s.tell([&] { return c.fsync(file); });
         s.tell([&] { return c.fdatasync(file); });
         tell_read(c, s, file, 16);
         tell_read(c, s, file, 16);
         const Fd zero(::open("/dev/zero", O_RDWR | O_CLOEXEC));
         s.tell([&] { return c.pread(zero, first, 2, 0); });
         s.tell([&] { return c.pwrite(zero, first, 2, 0); });
       }},
      {"locks that are free, shared, and in the way",
       [](const Calls& c, Story& s) {
         std::string path = temporary_pattern();
         const Fd one(::mkostemp(path.data(), O_CLOEXEC)), two(::open(path.c_str(), O_RDWR | O_CLOEXEC));
         ::unlink(path.c_str());
         s.tell([&] { return c.flock(one, LOCK_SH); });
         s.tell([&] { return c.flock(two, LOCK_SH); });
         s.tell([&] { return c.flock(two, LOCK_EX | LOCK_NB); });
         s.tell([&] { return c.flock(one, LOCK_UN); });
         s.tell([&] { return c.flock(two, LOCK_EX); });
         s.tell([&] { return c.flock(one, LOCK_SH | LOCK_NB); });
         struct flock lock {};
         lock.l_type = F_WRLCK;
         lock.l_len = 10;
         s.tell([&] { return c.fcntl(one, F_OFD_SETLKW, &lock); });
         s.tell([&] { return c.fcntl(two, F_OFD_SETLK, &lock); });
         lock.l_type = F_UNLCK;
         s.tell([&] { return c.fcntl(one, F_OFD_SETLKW, &lock); });
         lock.l_type = 99;
         s.tell([&] { return c.fcntl(one, F_SETLKW, &lock); });
       }},
      {"dup, dup2, dup3, fcntl",
       [](const Calls& c, Story& s) {
         const Pair p = make_pipe(), other = make_pipe();
         const int target = other.a;
         s << (c.dup2(p.a, target) == target ? "same" : "other") << std::to_string(::fcntl(target, F_GETFD));
         s << (c.dup3(p.a, target, O_CLOEXEC) == target ? "same" : "other") << std::to_string(::fcntl(target, F_GETFD));
         s << (c.dup2(p.a, p.a) == p.a ? "same" : "other") << std::to_string(::fcntl(p.a, F_GETFD));
         REQUIRE(::write(p.b, "ab", 2) == 2);
         tell_read(c, s, target, 1);
         const Fd copy(c.dup(p.a)), high(c.fcntl(p.a, F_DUPFD_CLOEXEC, 50));
         s << (high >= 50 ? "high" : "low");
         tell_read(c, s, high, 1);
         s.tell([&] { return c.fcntl(p.a, F_SETFL, O_NONBLOCK); });
         s << (is_nonblocking(target) && (c.fcntl(p.a, F_GETFL) & O_NONBLOCK) != 0 ? "set" : "unset");
         s.tell([&] { return c.fcntl(p.a, F_SETFD, FD_CLOEXEC); });
         s.tell([&] { return c.fcntl(p.b, F_SETPIPE_SZ, 4096); });
         s.tell([&] { return c.fcntl(p.a, F_DUPFD, -1); });
         s.tell([&] { return c.write(other.b, "x", 1); });
       }},
  });
  std::filesystem::remove_all(folder);
}
