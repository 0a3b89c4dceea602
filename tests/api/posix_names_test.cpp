// Names, and many messages in one call: the same answers as from the C library, and waits that park the fiber, wake, and
// can be cancelled.

#include <arpa/inet.h>
#include <netdb.h>

#include <array>
#include <thread>

#include "posix_compare.hpp"

using namespace posix_test;

TEST_CASE_FIXTURE(Limits, "names") {
  const auto tell_host = [](Story& s, auto call) {
    hostent entry{}, *found = nullptr;
    std::vector<char> buffer(4096);
    for (const std::size_t size : {buffer.size(), std::size_t{8}}) {
      int host_error = 77;
      const int code = call(&entry, buffer.data(), size, &found, &host_error);
      s << (code == 0 ? "0" : ::strerrorname_np(code)) << std::to_string(host_error);
      if (found == nullptr) continue;
      s << found->h_name << std::to_string(found->h_addrtype);
      char text[INET6_ADDRSTRLEN];
      for (char** next = found->h_addr_list; *next != nullptr; ++next) {
        const char* start = *next;
        s << (start >= buffer.data() && start < buffer.data() + buffer.size() ? "inside" : "outside");
        s << ::inet_ntop(found->h_addrtype, start, text, sizeof text);
      }
      for (char** next = found->h_aliases; *next != nullptr; ++next) s << *next;
    }
  };
  compare({
      {"hosts by name and by address",
       [&](const Calls& c, Story& s) {
         for (const char* name : {"localhost", "127.0.0.1", "::1", "no such host.invalid", ""}) {
           tell_host(s, [&](auto... into) { return c.gethostbyname_r(name, into...); });
           tell_host(s, [&](auto... into) { return c.gethostbyname2_r(name, AF_INET6, into...); });
         }
         tell_host(s, [&](auto... into) { return c.gethostbyname2_r("localhost", 77, into...); });
         const in_addr address{htonl(INADDR_LOOPBACK)};
         tell_host(s, [&](auto... into) { return c.gethostbyaddr_r(&address, sizeof address, AF_INET, into...); });
         tell_host(s, [&](auto... into) { return c.gethostbyaddr_r(&address, 3, AF_INET, into...); });
       }},
      {"getnameinfo and getaddrinfo",
       [](const Calls& c, Story& s) {
         const sockaddr_in address = loopback(htons(htons(80)));
         char host[64], service[64];
         // errno has a meaning beside EAI_SYSTEM only; else it is what the library's own looking about has left.
         const auto tell_code = [&s](auto call) {
           const Said said = say(call);
           s << std::to_string(said.result) << (said.result == EAI_SYSTEM ? ::strerrorname_np(said.error) : "");
         };
         for (const int flags : {0, NI_NUMERICHOST | NI_NUMERICSERV, NI_NUMERICHOST, NI_NAMEREQD, NI_DGRAM, 1 << 20}) {
           for (const socklen_t size : {64u, 2u, 0u}) {
             host[0] = service[0] = '\0';
             const auto both = [&] {
               return c.getnameinfo(generic(address), sizeof address, host, size, service, size, flags);
             };
             tell_code(both);
             if (size == 64) s << host << service;
           }
           tell_code([&] { return c.getnameinfo(generic(address), 3, host, 64, nullptr, 0, flags); });
           tell_code([&] { return c.getnameinfo(generic(address), sizeof address, nullptr, 0, service, 64, flags); });
         }
         for (const char* name : {"127.0.0.1", "localhost", "no such host.invalid"}) {
           addrinfo hints{}, *found = nullptr;
           hints.ai_family = AF_INET;
           hints.ai_socktype = SOCK_STREAM;
           s << std::to_string(c.getaddrinfo(name, "80", &hints, &found));
           if (found == nullptr) continue;
           s << std::to_string(reinterpret_cast<const sockaddr_in*>(found->ai_addr)->sin_addr.s_addr);
           ::freeaddrinfo(found);
         }
       }},
  });
}

TEST_CASE_FIXTURE(Limits, "many messages in one call") {
  const auto tell_messages = [](const Calls& c, Story& s, int fd, unsigned count, int flags, timespec* limit) {
    std::array<std::array<char, 4>, 4> room{};
    std::array<iovec, 4> parts{};
    std::array<mmsghdr, 4> messages{};
    for (std::size_t i = 0; i < 4; ++i) {
      parts[i] = {room[i].data(), 4};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const ssize_t n = s.tell([&] { return c.recvmmsg(fd, messages.data(), count, flags, limit); });
    for (std::size_t i = 0; static_cast<ssize_t>(i) < n; ++i) {
      s << bytes(room[i].data(), messages[i].msg_len) << std::to_string(messages[i].msg_hdr.msg_flags);
    }
  };
  const auto tell_sending = [](const Calls& c, Story& s, int fd, std::vector<std::string> texts, int flags) {
    std::vector<iovec> parts(texts.size());
    std::vector<mmsghdr> messages(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      parts[i] = {texts[i].data(), texts[i].size()};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const auto count = static_cast<unsigned>(texts.size());
    s.tell([&] { return c.sendmmsg(fd, messages.data(), count, flags); });
    for (const mmsghdr& message : messages) s << std::to_string(message.msg_len);
  };
  compare({
      {"datagrams and streams, limits, and no messages",
       [&](const Calls& c, Story& s) {
         for (const int type : {SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM}) {
           const Pair p = make_sockets(type);
           tell_sending(c, s, p.b, {"ab", "cdefgh", "", "i"}, 0);
           tell_messages(c, s, p.a, 0, 0, nullptr);
           tell_messages(c, s, p.a, 2, 0, nullptr);
           tell_messages(c, s, p.a, 4, MSG_WAITFORONE, nullptr);
           tell_messages(c, s, p.a, 4, MSG_DONTWAIT, nullptr);
           set_time_limit(p.a, SO_RCVTIMEO, 2ms);
           tell_messages(c, s, p.a, 2, 0, nullptr);
           tell_sending(c, s, p.b, {"ab"}, 0);
           tell_messages(c, s, p.a, 2, type == SOCK_STREAM ? MSG_WAITALL : 0, nullptr);
           timespec limit{0, 0};
           tell_sending(c, s, p.b, {"ab"}, 0);
           tell_messages(c, s, p.a, 2, 0, &limit);
           limit.tv_nsec = -1;
           tell_messages(c, s, p.a, 2, 0, &limit);
         }
       }},
      {"a full socket, one of nobody, one that is shut",
       [&](const Calls& c, Story& s) {
         Pair p = make_sockets();
         fill(p.b);
         tell_sending(c, s, p.b, {"ab", "cd"}, MSG_DONTWAIT);
         set_time_limit(p.b, SO_SNDTIMEO, 2ms);
         tell_sending(c, s, p.b, {"ab", "cd"}, 0);
         p.a.reset();
         tell_sending(c, s, p.b, {"ab", "cd"}, 0);
         tell_sending(c, s, p.b, {"ab", "cd"}, MSG_NOSIGNAL);
         tell_sending(c, s, make_udp(), {"ab"}, 0);
         const Pair shut = make_sockets(SOCK_DGRAM);
         ::shutdown(shut.a, SHUT_RD);
         tell_messages(c, s, shut.a, 2, 0, nullptr);
       }},
  });
}

TEST_CASE_FIXTURE(Limits,
                  "several messages: waited for until all have come, sent until all are out, short when cancelled") {
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

  // An error that comes after a message belongs to the next call.
  const Fd udp = make_udp(), sender = make_udp();
  const sockaddr_in here = bind_loopback(udp);
  sockaddr_in there{};
  {
    const Fd gone = make_udp();
    there = bind_loopback(gone);
  }
  const auto fail_later = [&] {
    CHECK(::sendto(sender, "x", 1, 0, generic(here), sizeof here) == 1);
    settle();
    CHECK(::setsockopt(udp, IPPROTO_IP, IP_RECVERR, &messages[0].msg_len, sizeof(int)) == 0);
    CHECK(::sendto(udp, "x", 1, 0, generic(there), sizeof there) == 1);
  };
  CHECK(parked([&] { return runtime_recvmmsg(udp, messages, 3, 0, nullptr); }, fail_later) == done(1));
  CHECK(on_fiber([&] { return say([&] { return runtime_recvmmsg(udp, messages, 3, 0, nullptr); }); }) ==
        failed(ECONNREFUSED));

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
