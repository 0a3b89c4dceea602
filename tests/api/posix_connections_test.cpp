// connect, accept, accept4, close, poll: the same as the C library's in every situation of a table.

#include <sys/resource.h>

#include "posix_compare.hpp"

using namespace posix_test;

TEST_CASE_FIXTURE(Limits, "connect, accept and accept4 are as in the C library") {
  compare({
      {"a connection, and a second one on the same socket",
       [](const Calls& c, Story& s) {
         const Listener listener;
         const Fd client = make_tcp();
         s.tell([&] { return c.connect(client, generic(listener.address), sizeof listener.address); });
         s.tell([&] { return c.connect(client, generic(listener.address), sizeof listener.address); });
         const Fd accepted(c.accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
         s << (is_nonblocking(accepted) ? "non-blocking" : "blocking") << std::to_string(::fcntl(accepted, F_GETFD))
           << (is_nonblocking(client) ? "changed" : "kept") << (is_nonblocking(listener.fd) ? "changed" : "kept");
       }},
      {"nobody listens; then somebody does",
       [](const Calls& c, Story& s) {
         const Fd holder = make_tcp();
         const sockaddr_in address = bind_loopback(holder);
         const Fd client = make_tcp();
         s.tell([&] { return c.connect(client, generic(address), sizeof address); });
         REQUIRE(::listen(holder, 8) == 0);
         s.tell([&] { return c.connect(client, generic(address), sizeof address); });
         s << (is_nonblocking(client) ? "changed" : "kept");
       }},
      {"non-blocking: under way, then connected",
       [](const Calls& c, Story& s) {
         const Listener listener;
         const Fd client = make_tcp(SOCK_NONBLOCK);
         s.tell([&] { return c.connect(client, generic(listener.address), sizeof listener.address); });
         pollfd ready{client, POLLOUT, 0};
         REQUIRE(::poll(&ready, 1, 5000) == 1);
         s.tell([&] { return c.connect(client, generic(listener.address), sizeof listener.address); });
         s.tell([&] { return c.connect(client, generic(listener.address), sizeof listener.address); });
         s << (is_nonblocking(client) ? "kept" : "changed");
       }},
      {"UDP: a default target, changed and taken back",
       [](const Calls& c, Story& s) {
         const Fd from = make_udp();
         const Fd to = make_udp();
         const sockaddr_in address = bind_loopback(to);
         s.tell([&] { return c.connect(from, generic(address), sizeof address); });
         s.tell([&] { return c.connect(from, generic(address), sizeof address); });
         const sockaddr none{AF_UNSPEC, {}};
         s.tell([&] { return c.connect(from, &none, sizeof none); });
         s.tell([&] { return c.send(from, "x", 1, 0); });
       }},
      {"connect with arguments that are wrong",
       [](const Calls& c, Story& s) {
         const Listener listener;
         const sockaddr_in address = listener.address;
         sockaddr_un nowhere{};
         nowhere.sun_family = AF_UNIX;
         std::string("/no/such/socket").copy(nowhere.sun_path, sizeof nowhere.sun_path - 1);
         const auto* unix_address = reinterpret_cast<const sockaddr*>(&nowhere);
         s.tell([&] { return c.connect(-1, generic(address), sizeof address); });
         s.tell([&] { return c.connect(make_pipe().a, generic(address), sizeof address); });
         s.tell([&] { return c.connect(make_tcp(), generic(address), 3); });
         s.tell([&] { return c.connect(make_tcp(), unix_address, sizeof nowhere); });
         s.tell([&] { return c.connect(make_tcp(), nullptr, sizeof address); });
         s.tell([&] { return c.connect(Fd(::socket(AF_UNIX, SOCK_STREAM, 0)), unix_address, sizeof nowhere); });
         s.tell([&] { return c.connect(listener.fd, generic(address), sizeof address); });
       }},
      {"accept where there is nothing to accept",
       [](const Calls& c, Story& s) {
         const Listener listener(SOCK_NONBLOCK);
         s.tell([&] { return c.accept(listener.fd, nullptr, nullptr); });
         s.tell([&] { return c.accept4(listener.fd, nullptr, nullptr, 0x7f000000); });
         s.tell([&] { return c.accept(make_tcp(), nullptr, nullptr); });
         s.tell([&] { return c.accept(make_udp(), nullptr, nullptr); });
         s.tell([&] { return c.accept(make_pipe().a, nullptr, nullptr); });
         s.tell([&] { return c.accept(-1, nullptr, nullptr); });
         s << (is_nonblocking(listener.fd) ? "kept" : "changed");
       }},
      {"close, twice",
       [](const Calls& c, Story& s) {
         Pair p = make_pipe();
         const int fd = p.a.release();
         s.tell([&] { return c.close(fd); });
         s.tell([&] { return c.close(fd); });
         s.tell([&] { return c.close(-1); });
       }},
  });
}

TEST_CASE_FIXTURE(Limits, "poll is as in the C library") {
  compare({
      {"ready, not ready, negative, closed, doubled, files, ends",
       [](const Calls& c, Story& s) {
         const Pair with_data = make_pipe();
         const Pair empty = make_pipe();
         Pair ended = make_pipe();
         Pair unread = make_pipe();
         const Pair half = make_tcp_pair();
         REQUIRE(::write(with_data.b, "x", 1) == 1);
         REQUIRE(::shutdown(half.b, SHUT_WR) == 0);
         ended.b.reset();
         unread.a.reset();
         const Fd file = make_file("abc");
         pollfd fds[] = {{with_data.a, POLLIN, 99},
                         {empty.a, POLLIN, 99},
                         {-1, POLLIN, 99},
                         {-77, POLLIN | POLLOUT, 99},
                         {1'000'000, POLLIN, 99},
                         {with_data.a, POLLIN | POLLRDNORM, 99},
                         {with_data.a, 0, 99},
                         {ended.a, POLLIN, 99},
                         {ended.a, 0, 99},
                         {unread.b, POLLOUT, 99},
                         {half.a, POLLIN | POLLRDHUP, 99},
                         {half.a, POLLRDHUP | POLLPRI, 99},
                         {file, POLLIN | POLLOUT, 99},
                         {empty.b, POLLIN | POLLOUT | POLLWRNORM, 99}};
         pollfd hang_up{half.a, POLLRDHUP, 0};
         REQUIRE(::poll(&hang_up, 1, 5000) == 1);
         for (const int timeout : {0, -1, 5000}) {
           s.tell([&] { return c.poll(fds, std::size(fds), timeout); });
           for (const pollfd& fd : fds) s << std::to_string(fd.revents);
         }
       }},
      {"nothing comes within the time",
       [](const Calls& c, Story& s) {
         const Pair p = make_sockets();
         const Fd file = make_file("abc");
         pollfd fds[] = {{p.a, POLLIN, 99}, {p.b, POLLPRI | POLLRDHUP, 99}, {p.b, 0, 99}, {file, 0, 99}, {-1, 1, 99}};
         s.tell([&] { return c.poll(fds, std::size(fds), 0); });
         s.tell([&] { return c.poll(fds, std::size(fds), 2); });
         for (const pollfd& fd : fds) s << std::to_string(fd.revents);
         s.tell([&] { return c.poll(fds, 0, 2); });
         s.tell([&] { return c.poll(nullptr, 0, 0); });
       }},
      {"arguments that are wrong",
       [](const Calls& c, Story& s) {
         s.tell([&] { return c.poll(nullptr, 1'000'000'000, 0); });
         s.tell([&] { return c.poll(nullptr, 1, 0); });
       }},
  });
}

TEST_CASE_FIXTURE(Limits, "a full descriptor table fails accept with EMFILE, and the connection waits") {
  compare({{"EMFILE", [](const Calls& c, Story& s) {
              const Listener listener;
              const Fd client = make_tcp();
              REQUIRE(::connect(client, generic(listener.address), sizeof listener.address) == 0);
              rlimit before{};
              REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
              const rlimit few{64, before.rlim_max};
              REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
              std::vector<Fd> rest;
              for (int fd; (fd = ::dup(client)) >= 0;) rest.emplace_back(fd);
              s.tell([&] { return c.accept(listener.fd, nullptr, nullptr); });
              rest.pop_back();
              const Fd accepted(c.accept(listener.fd, nullptr, nullptr));
              s << (accepted >= 0 ? "accepted" : "lost");
              s.tell([&] { return c.accept(listener.fd, nullptr, nullptr); });
              REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
            }}});
}
