// recv, recvfrom, recvmsg, send, sendto, sendmsg: the same as the C library's in every situation of a table.

#include <netinet/tcp.h>

#include "posix_compare.hpp"

using namespace posix_test;

namespace {

/// Passes descriptors along with one byte.
msghdr with_descriptors(iovec& part, char (&control)[64], const std::vector<int>& fds) {
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
  cmsghdr* item = CMSG_FIRSTHDR(&message);
  item->cmsg_level = SOL_SOCKET;
  item->cmsg_type = SCM_RIGHTS;
  item->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  std::copy(fds.begin(), fds.end(), reinterpret_cast<int*>(CMSG_DATA(item)));
  return message;
}

}  // namespace

TEST_CASE_FIXTURE(Limits, "recv, recvfrom and recvmsg are as in the C library") {
  compare({
      {"a look, then the bytes",
       [](const Calls& c, Story& s) {
         const Pair p = make_sockets();
         REQUIRE(::send(p.b, "abcdef", 6, 0) == 6);
         tell_recv(c, s, p.a, MSG_PEEK, 3);
         tell_recv(c, s, p.a, MSG_PEEK | MSG_WAITALL, 6);
         tell_recv(c, s, p.a, MSG_WAITALL, 4);
         tell_recv(c, s, p.a, 0);
         tell_recv(c, s, p.a, MSG_DONTWAIT);
       }},
      {"MSG_WAITALL at the end of a stream",
       [](const Calls& c, Story& s) {
         Pair pairs[] = {make_sockets(), make_tcp_pair()};
         for (const Pair& p : pairs) {
           REQUIRE(::send(p.b, "abc", 3, 0) == 3);
           REQUIRE(::shutdown(p.b, SHUT_WR) == 0);
           tell_recv(c, s, p.a, MSG_PEEK | MSG_WAITALL);
           tell_recv(c, s, p.a, MSG_WAITALL);
           tell_recv(c, s, p.a, MSG_WAITALL);
         }
       }},
      {"MSG_WAITALL on messages: one message",
       [](const Calls& c, Story& s) {
         const Pair p = make_sockets(SOCK_DGRAM);
         REQUIRE(::send(p.b, "abc", 3, 0) == 3);
         REQUIRE(::send(p.b, "def", 3, 0) == 3);
         tell_recv(c, s, p.a, MSG_WAITALL);
         tell_recv(c, s, p.a, MSG_WAITALL);
       }},
      {"MSG_TRUNC: the length of the message; on TCP bytes thrown away",
       [](const Calls& c, Story& s) {
         const Pair p = make_sockets(SOCK_DGRAM);
         REQUIRE(::send(p.b, "abcdef", 6, 0) == 6);
         tell_recv(c, s, p.a, MSG_TRUNC, 2);
         const Pair tcp = make_tcp_pair();
         REQUIRE(::send(tcp.b, "abcdef", 6, 0) == 6);
         s.tell([&] { return c.recv(tcp.a, nullptr, 4, MSG_TRUNC | MSG_WAITALL); });
         tell_recv(c, s, tcp.a, 0);
       }},
      {"urgent data and the error queue are not waited for",
       [](const Calls& c, Story& s) {
         const Pair tcp = make_tcp_pair();
         tell_recv(c, s, tcp.a, MSG_OOB, 1);
         tell_recv(c, s, tcp.a, MSG_ERRQUEUE);
         REQUIRE(::send(tcp.b, "abU", 3, MSG_OOB) == 3);
         pollfd urgent{tcp.a, POLLPRI, 0};
         REQUIRE(::poll(&urgent, 1, 5000) == 1);
         tell_recv(c, s, tcp.a, MSG_OOB, 1);
         tell_recv(c, s, tcp.a, 0);
       }},
      {"what is no socket, not connected, no descriptor",
       [](const Calls& c, Story& s) {
         const Pair p = make_pipe();
         tell_recv(c, s, p.a, 0);
         tell_recv(c, s, p.a, MSG_WAITALL);
         tell_recv(c, s, make_tcp(), 0);
         tell_recv(c, s, -1, 0);
         s.tell([&] { return c.recvmsg(-1, nullptr, 0); });
         s.tell([&] { return c.recvmsg(make_udp(), nullptr, MSG_WAITALL); });
       }},
      {"no bytes asked where there are some",
       [](const Calls& c, Story& s) {
         const Pair stream = make_sockets();
         const Pair message = make_sockets(SOCK_DGRAM);
         for (const Pair* p : {&stream, &message}) {
           REQUIRE(::send(p->b, "abc", 3, 0) == 3);
           tell_recv(c, s, p->a, 0, 0);
           tell_recv(c, s, p->a, MSG_DONTWAIT);
         }
       }},
      {"the sender's address",
       [](const Calls& c, Story& s) {
         const Fd from = make_udp();
         const Fd to = make_udp();
         const sockaddr_in from_address = bind_loopback(from);
         const sockaddr_in to_address = bind_loopback(to);
         s.tell([&] { return c.sendto(from, "abc", 3, 0, generic(to_address), sizeof to_address); });
         sockaddr_in sender{};
         socklen_t size = sizeof sender;
         char buffer[8];
         s.tell([&] { return c.recvfrom(to, buffer, 8, 0, reinterpret_cast<sockaddr*>(&sender), &size); });
         s << bytes(buffer, 3) << std::to_string(size)
           << (sender.sin_port == from_address.sin_port ? "right" : "wrong");
         s.tell([&] { return c.recvfrom(to, buffer, 8, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&sender), &size); });
       }},
      {"a message in pieces, cut off and flagged",
       [](const Calls& c, Story& s) {
         const Pair p = make_sockets(SOCK_DGRAM);
         REQUIRE(::send(p.b, "abcdef", 6, 0) == 6);
         char first[2] = {}, second[2] = {};
         iovec parts[] = {{first, 2}, {second, 2}};
         msghdr message{};
         message.msg_iov = parts;
         message.msg_iovlen = 2;
         s.tell([&] { return c.recvmsg(p.a, &message, 0); });
         s << bytes(first, 2) << bytes(second, 2) << std::to_string(message.msg_flags);
       }},
      {"descriptors end MSG_WAITALL, and arrive once",
       [](const Calls& c, Story& s) {
         const Pair p = make_sockets();
         const Pair sent = make_pipe();
         char byte = 'D';
         iovec part{&byte, 1};
         char control[64];
         const msghdr with = with_descriptors(part, control, {sent.a, sent.b});
         REQUIRE(::send(p.b, "abc", 3, 0) == 3);
         s.tell([&] { return c.sendmsg(p.b, &with, 0); });
         REQUIRE(::send(p.b, "xyz", 3, 0) == 3);
         for (int round = 0; round < 2; ++round) {
           char buffer[16] = {};
           iovec into{buffer, round == 0 ? std::size_t{16} : std::size_t{3}};
           char got[64];
           msghdr message{};
           message.msg_iov = &into;
           message.msg_iovlen = 1;
           message.msg_control = got;
           message.msg_controllen = sizeof got;
           const ssize_t n = s.tell([&] { return c.recvmsg(p.a, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC); });
           s << bytes(buffer, n) << std::to_string(message.msg_controllen) << std::to_string(message.msg_flags);
           const cmsghdr* item = CMSG_FIRSTHDR(&message);
           if (item != nullptr) {
             const int* fds = reinterpret_cast<const int*>(CMSG_DATA(item));
             ::close(fds[0]);
             ::close(fds[1]);
           }
         }
       }},
  });
}

TEST_CASE_FIXTURE(Limits, "send, sendto and sendmsg are as in the C library") {
  compare({
      {"bytes and nothing",
       [](const Calls& c, Story& s) {
         const Pair p = make_sockets();
         s.tell([&] { return c.send(p.b, "abc", 3, 0); });
         s.tell([&] { return c.send(p.b, "abc", 0, 0); });
         iovec parts[] = {{const_cast<char*>("de"), 2}, {const_cast<char*>("f"), 1}};
         msghdr message{};
         message.msg_iov = parts;
         message.msg_iovlen = 2;
         s.tell([&] { return c.sendmsg(p.b, &message, MSG_DONTWAIT); });
         tell_recv(c, s, p.a, 0);
       }},
      {"MSG_NOSIGNAL raises no signal, without it there is one",
       [](const Calls& c, Story& s) {
         Pair p = make_sockets();
         p.a.reset();
         s.tell([&] { return c.send(p.b, "abc", 3, MSG_NOSIGNAL); });
         s << std::to_string(sigpipes);
         s.tell([&] { return c.send(p.b, "abc", 3, 0); });
       }},
      {"a side that was shut down",
       [](const Calls& c, Story& s) {
         const Pair p = make_sockets();
         s.tell([&] { return c.shutdown(p.b, SHUT_WR); });
         s.tell([&] { return c.send(p.b, "abc", 3, MSG_NOSIGNAL); });
         tell_recv(c, s, p.a, 0);
         s.tell([&] { return c.shutdown(p.b, 77); });
         s.tell([&] { return c.shutdown(make_tcp(), SHUT_RD); });
         s.tell([&] { return c.shutdown(-1, SHUT_RD); });
         s.tell([&] { return c.shutdown(make_pipe().a, SHUT_RD); });
       }},
      {"messages that are too long, have no target, have a bad address",
       [](const Calls& c, Story& s) {
         const Fd udp = make_udp();
         const sockaddr_in address = bind_loopback(udp);
         const std::string text(100'000, 'x');
         s.tell([&] { return c.sendto(udp, text.data(), text.size(), 0, generic(address), sizeof address); });
         s.tell([&] { return c.send(udp, "abc", 3, 0); });
         s.tell([&] { return c.sendto(udp, "abc", 3, 0, generic(address), 3); });
         s.tell([&] { return c.send(make_pipe().b, "abc", 3, 0); });
         s.tell([&] { return c.send(-1, "abc", 3, 0); });
         s.tell([&] { return c.sendmsg(udp, nullptr, 0); });
       }},
      {"TCP Fast Open: connected and sent in one call, with a cookie or without",
       [](const Calls& c, Story& s) {
         const Fd listener = make_tcp();
         const int queue = 8;
         REQUIRE(::setsockopt(listener, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof queue) == 0);
         const sockaddr_in address = bind_loopback(listener);
         REQUIRE(::listen(listener, 8) == 0);
         for (int round = 0; round < 2; ++round) {
           const Fd client = make_tcp();
           const auto send = [&] { return c.sendto(client, "abc", 3, MSG_FASTOPEN, generic(address), sizeof address); };
           s.tell(send);
           s.tell([&] { return c.send(client, "d", 1, 0); });
           s.tell([&] { return c.shutdown(client, SHUT_WR); });
           const Fd accepted(c.accept(listener, nullptr, nullptr));
           tell_recv(c, s, accepted, MSG_WAITALL);
         }
       }},
      {"MSG_DONTWAIT takes what fits",
       [](const Calls& c, Story& s) {
         const Pair p = make_sockets();
         const std::string text(4'000'000, 'x');
         s.tell([&] { return c.send(p.b, text.data(), text.size(), MSG_DONTWAIT); });
         s.tell([&] { return c.send(p.b, text.data(), text.size(), MSG_DONTWAIT); });
       }},
  });
}
