// Names of hosts, users and services, in fibers: the answers of a thread, each fiber its own, and the fiber parks.

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <resolv.h>

#include <string>
#include <thread>

#include "api/posix_support.hpp"

using namespace posix_test;

namespace {

std::string tell(const hostent* entry) {
  if (entry == nullptr) return "none, " + std::to_string(h_errno);
  std::string text = entry->h_name;
  for (char** alias = entry->h_aliases; *alias != nullptr; ++alias) text += std::string(" ") + *alias;
  for (char** address = entry->h_addr_list; *address != nullptr; ++address) {
    char room[INET6_ADDRSTRLEN];
    text += std::string(" ") + ::inet_ntop(entry->h_addrtype, *address, room, sizeof room);
  }
  return text;
}
std::string tell(const passwd* entry) {
  return entry == nullptr ? "none, " + std::to_string(errno)
                          : std::string(entry->pw_name) + ':' + entry->pw_dir + ':' + std::to_string(entry->pw_uid);
}
std::string tell(const group* entry) {
  return entry == nullptr ? "none, " + std::to_string(errno)
                          : std::string(entry->gr_name) + std::to_string(entry->gr_gid);
}
std::string tell(const servent* entry) {
  return entry == nullptr ? "none" : std::string(entry->s_name) + entry->s_proto + std::to_string(entry->s_port);
}

std::vector<std::string> tell_all() {
  std::vector<std::string> told;
  const auto say = [&](auto look) {
    errno = 0;
    told.push_back(tell(look()));
  };
  for (const char* name : {"localhost", "127.0.0.1", "::1", "no such host.invalid"}) {
    say([&] { return ::gethostbyname(name); });
    say([&] { return ::gethostbyname2(name, AF_INET6); });
  }
  const in_addr address{htonl(INADDR_LOOPBACK)};
  say([&] { return ::gethostbyaddr(&address, sizeof address, AF_INET); });
  for (const char* name : {"root", "daemon", "nobody at all"}) {
    say([&] { return ::getpwnam(name); });
    say([&] { return ::getgrnam(name); });
  }
  for (const unsigned id : {0u, 1u, 54321u}) {
    say([&] { return ::getpwuid(id); });
    say([&] { return ::getgrgid(id); });
  }
  say([] { return ::getservbyname("http", "tcp"); });
  say([] { return ::getservbyport(htons(443), nullptr); });
  gid_t groups[8];
  int count = 8;
  told.push_back(std::to_string(::getgrouplist("root", 0, groups, &count)) + ' ' + std::to_string(count));
  char small[4];
  passwd entry;
  passwd* found;
  told.push_back(std::to_string(::getpwnam_r("root", &entry, small, sizeof small, &found)));
  addrinfo* list = nullptr;
  told.push_back(std::to_string(::getaddrinfo("localhost", "80", nullptr, &list)));
  if (list != nullptr) ::freeaddrinfo(list);
  return told;
}

/// A name server on loopback that knows no name; it answers when it is told to.
struct NameServer {
  NameServer() : fd(make_udp()), address(bind_loopback(fd)) {}
  void answer() const {
    unsigned char packet[512];
    sockaddr_in client{};
    socklen_t size = sizeof client;
    const ssize_t n = ::recvfrom(fd, packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&client), &size);
    REQUIRE(n >= 12);
    packet[2] = 0x81;  // an answer
    packet[3] = 0x83;  // there is no such name
    CHECK(::sendto(fd, packet, static_cast<std::size_t>(n), 0, generic(client), size) == n);
  }
  Fd fd;
  sockaddr_in address;
};

}  // namespace

TEST_CASE_FIXTURE(Limits, "the same answers as on a thread") {
  const std::vector<std::string> on_thread = tell_all();
  CHECK(on_fiber(tell_all) == on_thread);
}

TEST_CASE_FIXTURE(Limits, "two fibers have their answers, not each other's") {
  on_fiber([] {
    const auto look = [](const char* host, const char* user) {
      return runtime::spawn_local([=] {
        const hostent* entry = ::gethostbyname(host);
        const passwd* account = ::getpwnam(user);
        CHECK(entry != nullptr);
        CHECK(account != nullptr);
        settle();
        CHECK(std::string(entry->h_name) == host);
        CHECK(std::string(account->pw_name) == user);
      });
    };
    auto first = look("127.0.0.1", "root");
    auto second = look("127.0.0.2", "daemon");
    first.join();
    second.join();
  });
}

TEST_CASE_FIXTURE(Limits, "looking up a user parks") {
  // Not each time: the pool may have the answer before anybody looks.
  bool others_ran = false;
  on_fiber([&] {
    for (int time = 0; time < 100 && !others_ran; ++time) {
      auto other = runtime::spawn_local([&] { others_ran = true; });
      CHECK(::getpwnam("root") != nullptr);
      const bool ran = others_ran;
      other.join();
      others_ran = ran;
    }
  });
  CHECK(others_ran);
}

TEST_CASE_FIXTURE(Limits, "questions to name servers park, with the options of the caller's thread") {
  const NameServer server;
  REQUIRE(::res_init() == 0);
  _res.nscount = 1;
  _res.nsaddr_list[0] = server.address;
  _res.retrans = 20;
  _res.retry = 1;
  _res.options &= ~static_cast<unsigned long>(RES_DNSRCH | RES_DEFNAMES);
  unsigned char room[512];
  const std::function<int()> questions[] = {
      [&] { return ::res_query("one.test", C_IN, T_A, room, sizeof room); },
      [&] { return ::res_search("two.test.", C_IN, T_A, room, sizeof room); },
      [&] { return ::res_querydomain("three", "test", C_IN, T_A, room, sizeof room); },
      [&] { return ::res_nquery(&_res, "four.test", C_IN, T_A, room, sizeof room); },
  };
  for (const auto& question : questions) {
    h_errno = 0;
    const Said said = parked(
        [&] {
          const int result = question();
          CHECK(h_errno == HOST_NOT_FOUND);
          return result;
        },
        [&] { server.answer(); });
    CHECK(said.result == -1);
  }
}
