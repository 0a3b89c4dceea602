// read, readv, write, writev: the same as the C library's in every situation of a table.

#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

#include "posix_compare.hpp"

using namespace posix_test;

TEST_CASE_FIXTURE(Limits, "read and readv are as in the C library") {
  compare({
      {"a pipe with data, then its end",
       [](const Calls& c, Story& s) {
         Pair p = make_pipe();
         REQUIRE(::write(p.b, "abcdef", 6) == 6);
         tell_read(c, s, p.a, 4);
         tell_read(c, s, p.a);
         p.b.reset();
         tell_read(c, s, p.a);
       }},
      {"no bytes asked of an empty pipe, socket, file, eventfd, timerfd",
       [](const Calls& c, Story& s) {
         const Pair pipe = make_pipe();
         const Pair stream = make_sockets();
         const Pair message = make_sockets(SOCK_DGRAM);
         const Fd file = make_file("abc");
         const Fd event(::eventfd(0, 0));
         const Fd timer(::timerfd_create(CLOCK_MONOTONIC, 0));
         for (const int fd : {+pipe.a, +stream.a, +message.a, +file, +event, +timer}) tell_read(c, s, fd, 0);
         const iovec none[] = {{nullptr, 0}, {nullptr, 0}};
         for (const int fd : {+pipe.a, +stream.a, +message.a, +file, +event, +timer}) {
           s.tell([&] { return c.readv(fd, none, 2); });
           s.tell([&] { return c.readv(fd, none, 0); });
         }
       }},
      {"a message socket keeps its message when no bytes are asked",
       [](const Calls& c, Story& s) {
         const Pair p = make_sockets(SOCK_DGRAM);
         REQUIRE(::send(p.b, "abcdef", 6, 0) == 6);
         tell_read(c, s, p.a, 0);
         tell_read(c, s, p.a, 3);
         set_nonblocking(p.a);
         tell_read(c, s, p.a, 3);
       }},
      {"non-blocking descriptors without data",
       [](const Calls& c, Story& s) {
         const Pair pipe = make_pipe(O_NONBLOCK);
         const Pair stream = make_sockets(SOCK_STREAM | SOCK_NONBLOCK);
         const Fd event(::eventfd(0, EFD_NONBLOCK));
         const Fd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
         const Fd changes(::inotify_init1(IN_NONBLOCK));
         for (const int fd : {+pipe.a, +stream.a, +event, +timer, +changes}) {
           tell_read(c, s, fd);
           s << (is_nonblocking(fd) ? "kept" : "lost");
         }
       }},
      {"eventfds, and buffers too small for them",
       [](const Calls& c, Story& s) {
         const Fd event(::eventfd(3, 0));
         tell_read(c, s, event, 7);
         tell_read(c, s, event, 8);
       }},
      {"files of all kinds",
       [](const Calls& c, Story& s) {
         const Fd file = make_file("abcdef");
         tell_read(c, s, file, 4);
         tell_read(c, s, file);
         tell_read(c, s, file);
         tell_read(c, s, open_path("/proc/sys/kernel/ostype", O_RDONLY));
         tell_read(c, s, open_path("/dev/null", O_RDONLY));
         tell_read(c, s, open_path("/dev/zero", O_RDONLY));
         tell_read(c, s, open_path("/", O_RDONLY | O_DIRECTORY));
         tell_read(c, s, open_path("/", O_PATH));
       }},
      {"descriptors that cannot be read",
       [](const Calls& c, Story& s) {
         const Pair p = make_pipe();
         tell_read(c, s, p.b);
         tell_read(c, s, -1);
         tell_read(c, s, 1'000'000);
         tell_read(c, s, make_tcp());
         tell_read(c, s, Listener().fd);
         const iovec part{nullptr, 0};
         s.tell([&] { return c.readv(-1, &part, 1); });
       }},
      {"lists of buffers, good and bad",
       [](const Calls& c, Story& s) {
         const Pair p = make_pipe();
         const Fd file = make_file("abcdef");
         REQUIRE(::write(p.b, "abcdef", 6) == 6);
         char first[2] = {}, second[3] = {};
         const iovec parts[] = {{first, 2}, {nullptr, 0}, {second, 3}};
         const std::vector<iovec> too_many(2000, iovec{});
         for (const int fd : {+p.a, +file}) {
           s.tell([&] { return c.readv(fd, parts, 3); });
           s << bytes(first, 2) << bytes(second, 3);
           s.tell([&] { return c.readv(fd, parts, -1); });
           s.tell([&] { return c.readv(fd, too_many.data(), 2000); });
         }
       }},
      {"a reset connection: the error once, then the end",
       [](const Calls& c, Story& s) {
         Pair p = make_tcp_pair();
         const linger at_once{1, 0};
         REQUIRE(::setsockopt(p.b, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
         p.b.reset();
         tell_read(c, s, p.a);
         tell_read(c, s, p.a);
       }},
  });
}

TEST_CASE_FIXTURE(Limits, "write and writev are as in the C library") {
  compare({
      {"pipes, sockets, files, devices",
       [](const Calls& c, Story& s) {
         const Pair pipe = make_pipe();
         const Pair stream = make_sockets();
         const Fd file = make_file("");
         const Fd null = open_path("/dev/null", O_WRONLY);
         const Fd full = open_path("/dev/full", O_WRONLY);
         const iovec parts[] = {{const_cast<char*>("ab"), 2}, {nullptr, 0}, {const_cast<char*>("cde"), 3}};
         const std::vector<iovec> too_many(2000, iovec{});
         for (const int fd : {+pipe.b, +stream.b, +file, +null, +full}) {
           s.tell([&] { return c.write(fd, "xyz", 3); });
           s.tell([&] { return c.write(fd, "xyz", 0); });
           s.tell([&] { return c.writev(fd, parts, 3); });
           s.tell([&] { return c.writev(fd, parts, 0); });
           s.tell([&] { return c.writev(fd, parts, -1); });
           s.tell([&] { return c.writev(fd, too_many.data(), 2000); });
         }
         tell_read(c, s, pipe.a);
         tell_read(c, s, stream.a);
       }},
      {"an empty message is a message for write, and none for writev",
       [](const Calls& c, Story& s) {
         const Pair p = make_sockets(SOCK_DGRAM);
         const iovec none{nullptr, 0};
         s.tell([&] { return c.write(p.b, "", 0); });
         s.tell([&] { return c.writev(p.b, &none, 1); });
         tell_recv(c, s, p.a, MSG_DONTWAIT);
         tell_recv(c, s, p.a, MSG_DONTWAIT);
       }},
      {"nobody reads any more: EPIPE and SIGPIPE",
       [](const Calls& c, Story& s) {
         Pair pipe = make_pipe();
         Pair stream = make_sockets();
         pipe.a.reset();
         stream.a.reset();
         const iovec part{const_cast<char*>("ab"), 2};
         for (const int fd : {+pipe.b, +stream.b}) {
           s.tell([&] { return c.write(fd, "xyz", 3); });
           s.tell([&] { return c.writev(fd, &part, 1); });
         }
       }},
      {"non-blocking and full",
       [](const Calls& c, Story& s) {
         const Pair pipe = make_pipe(O_NONBLOCK);
         const Pair stream = make_sockets(SOCK_STREAM | SOCK_NONBLOCK);
         const Fd event(::eventfd(0, EFD_NONBLOCK));
         REQUIRE(::eventfd_write(event, 0xfffffffffffffffe) == 0);
         fill(pipe.b);
         fill(stream.b);
         const std::uint64_t one = 1;
         for (const int fd : {+pipe.b, +stream.b, +event}) {
           s.tell([&] { return c.write(fd, &one, sizeof one); });
           s << (is_nonblocking(fd) ? "kept" : "lost");
         }
       }},
      {"non-blocking with room for a part",
       [](const Calls& c, Story& s) {
         const Pair pipe = make_pipe(O_NONBLOCK);
         const std::string text(200'000, 'x');
         s.tell([&] { return c.write(pipe.b, text.data(), text.size()); });
         s.tell([&] { return c.write(pipe.b, text.data(), text.size()); });
       }},
      {"descriptors that cannot be written",
       [](const Calls& c, Story& s) {
         const Pair p = make_pipe();
         const Fd read_only = open_path("/proc/sys/kernel/ostype", O_RDONLY);
         s.tell([&] { return c.write(p.a, "x", 1); });
         s.tell([&] { return c.write(-1, "x", 1); });
         s.tell([&] { return c.write(read_only, "x", 1); });
         s.tell([&] { return c.write(make_tcp(), "x", 1); });
         s.tell([&] { return c.write(make_udp(), "x", 1); });
       }},
  });
}
