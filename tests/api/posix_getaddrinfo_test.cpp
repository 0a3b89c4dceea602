// Names: the answers of the C library, without holding up the thread.

#include <arpa/inet.h>
#include <netdb.h>

#include <functional>
#include <optional>
#include <set>

#include "posix_support.hpp"

using namespace posix_test;

namespace {

using Resolve = decltype(&runtime_getaddrinfo);

/// The whole answer as text, one line for each address.
std::string resolved(Resolve resolve, const char* node, const char* service, const addrinfo* hints) {
  addrinfo* list = nullptr;
  const int code = resolve(node, service, hints, &list);
  if (code != 0) return ::gai_strerror(code);
  std::string text;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    char host[NI_MAXHOST], port[NI_MAXSERV];
    CHECK(::getnameinfo(entry->ai_addr, entry->ai_addrlen, host, sizeof host, port, sizeof port,
                        NI_NUMERICHOST | NI_NUMERICSERV) == 0);
    text += std::string(host) + '|' + port + '|' + std::to_string(entry->ai_family) + '|' +
            std::to_string(entry->ai_socktype) + '|' + std::to_string(entry->ai_protocol) + '|' +
            (entry->ai_canonname != nullptr ? entry->ai_canonname : "") + '\n';
  }
  ::freeaddrinfo(list);
  return text;
}

addrinfo hints_for(int flags, int family = AF_UNSPEC, int type = 0) {
  addrinfo hints{};
  hints.ai_flags = flags;
  hints.ai_family = family;
  hints.ai_socktype = type;
  return hints;
}

}  // namespace

TEST_CASE_FIXTURE(Limits, "every answer is that of the C library") {
  struct Question {
    const char *node, *service;
    std::optional<addrinfo> hints;
  };
  const Question questions[] = {
      {"127.0.0.1", "80", std::nullopt},
      {"127.0.0.1", nullptr, std::nullopt},
      {"::1", "443", hints_for(0, AF_INET6, SOCK_STREAM)},
      {"127.1", "80", hints_for(AI_NUMERICHOST | AI_CANONNAME)},
      {"127.0.0.1", "80", hints_for(0, AF_INET6, SOCK_STREAM)},
      {"127.0.0.1", "80", hints_for(AI_V4MAPPED, AF_INET6, SOCK_STREAM)},
      {"127.0.0.1", "http", hints_for(AI_NUMERICSERV)},
      {"127.0.0.1", "http", hints_for(0, AF_INET, SOCK_STREAM)},
      {"127.0.0.1", "no-such-service", hints_for(0, AF_INET, SOCK_STREAM)},
      {"127.0.0.1", "", hints_for(0, AF_INET, SOCK_STREAM)},
      {"127.0.0.1", "80", hints_for(0, AF_INET, SOCK_RAW)},
      {"127.0.0.1", "80", hints_for(0, 77)},
      {"127.0.0.1", "80", hints_for(0x40000000)},
      {"127.0.0.1", "123456", std::nullopt},
      {nullptr, "80", hints_for(AI_PASSIVE, AF_INET, SOCK_STREAM)},
      {nullptr, "80", hints_for(0, AF_UNSPEC, SOCK_STREAM)},
      {nullptr, nullptr, std::nullopt},
      {nullptr, "80", hints_for(AI_CANONNAME)},
      {"localhost", "80", hints_for(0, AF_INET, SOCK_STREAM)},
      {"localhost", nullptr, std::nullopt},
      {"localhost", "80", hints_for(AI_NUMERICHOST)},
      {"", "80", hints_for(0, AF_INET)},
  };
  for (const Question& question : questions) {
    CAPTURE(question.node);
    CAPTURE(question.service);
    const addrinfo* hints = question.hints ? &*question.hints : nullptr;
    const std::string expected = resolved(::getaddrinfo, question.node, question.service, hints);
    CHECK(resolved(runtime_getaddrinfo, question.node, question.service, hints) == expected);
    CHECK(on_fiber([&] { return resolved(runtime_getaddrinfo, question.node, question.service, hints); }) == expected);
  }
}

TEST_CASE_FIXTURE(Limits, "a number is answered at once, errno is kept, and a name parks") {
  runtime::LocalRuntime rt = runtime::Builder().max_blocking_threads(1).build_local();
  const Pair gate = make_pipe();
  rt.block_on([&] {
    // The only pool thread is busy: who asks the pool has to wait.
    auto busy = runtime::spawn_blocking([&] {
      char byte;
      return ::read(gate.a, &byte, 1);
    });
    addrinfo* number = nullptr;
    errno = 77;
    CHECK(runtime_getaddrinfo("127.0.0.1", "80", nullptr, &number) == 0);
    CHECK(errno == 77);
    ::freeaddrinfo(number);

    addrinfo* name = nullptr;
    auto lookup = runtime::spawn_local([&] {
      errno = 77;
      const int code = runtime_getaddrinfo("localhost", "80", nullptr, &name);
      CHECK(errno == 77);
      return code;
    });
    settle();
    CHECK_FALSE(lookup.is_finished());
    CHECK(::write(gate.b, "x", 1) == 1);
    CHECK(busy.join() == 1);
    CHECK(lookup.join() == 0);
    CHECK(name != nullptr);
    ::freeaddrinfo(name);
  });
}

TEST_CASE_FIXTURE(Limits, "a hundred lookups at once") {
  const int found = on_fiber([] {
    std::vector<runtime::JoinHandle<int>> lookups;
    for (int i = 0; i < 100; ++i) {
      lookups.push_back(runtime::spawn_local([] {
        addrinfo* list = nullptr;
        const int code = runtime_getaddrinfo("localhost", nullptr, nullptr, &list);
        if (code == 0) ::freeaddrinfo(list);
        return code;
      }));
    }
    int count = 0;
    for (auto& lookup : lookups) count += lookup.join() == 0;
    return count;
  });
  CHECK(found == 100);
}
