// poll on a fiber: many descriptors, all kinds of events, no busy waiting.

#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "posix_support.hpp"

using namespace posix_test;

namespace {

/// Parks in poll until `cause` has made something happen.
template <class Cause>
Said polled(std::vector<pollfd>& fds, Cause cause) {
  return on_fiber([&] {
    auto poller = runtime::spawn_local([&] { return say([&] { return runtime_poll(fds.data(), fds.size(), -1); }); });
    settle();
    CHECK_FALSE(poller.is_finished());
    cause();
    return poller.join();
  });
}

}  // namespace

TEST_CASE_FIXTURE(Limits, "a thousand descriptors, and whichever becomes ready is found") {
  std::vector<Pair> pairs;
  for (int i = 0; i < 450; ++i) pairs.push_back(make_sockets());
  std::vector<pollfd> fds;
  for (const Pair& p : pairs) {
    fds.push_back({p.a, POLLIN, 9});
    fds.push_back({p.b, POLLIN, 9});
    fds.push_back({-1, POLLIN, 9});
  }
  for (const std::size_t chosen : {std::size_t{0}, std::size_t{200}, pairs.size() - 1}) {
    CHECK(polled(fds, [&] { CHECK(::send(pairs[chosen].b, "x", 1, 0) == 1); }) == done(1));
    for (std::size_t i = 0; i < fds.size(); ++i) CHECK(fds[i].revents == (i == 3 * chosen ? POLLIN : 0));
    char byte;
    CHECK(::recv(pairs[chosen].a, &byte, 1, 0) == 1);
  }
}

TEST_CASE_FIXTURE(Limits, "several ready at once are all counted") {
  const Pair one = make_sockets(), two = make_pipe();
  std::vector<pollfd> fds{{one.a, POLLIN, 0}, {two.a, POLLIN, 0}, {one.a, POLLIN | POLLRDHUP, 0}};
  const auto cause = [&] {
    CHECK(::write(two.b, "x", 1) == 1);
    CHECK(::write(one.b, "x", 1) == 1);
  };
  CHECK(polled(fds, cause) == done(3));
  CHECK(fds[0].revents == POLLIN);
  CHECK(fds[1].revents == POLLIN);
  CHECK(fds[2].revents == POLLIN);
}

TEST_CASE_FIXTURE(Limits, "urgent data, half a hang-up, a hang-up, an error") {
  Pair p = make_tcp_pair();
  std::vector<pollfd> fds{{p.a, 0, 0}};
  SUBCASE("POLLPRI") {
    fds[0].events = POLLPRI;
    CHECK(polled(fds, [&] { CHECK(::send(p.b, "u", 1, MSG_OOB) == 1); }) == done(1));
    CHECK(fds[0].revents == POLLPRI);
  }
  SUBCASE("POLLRDHUP, which ordinary data is not") {
    fds[0].events = POLLRDHUP;
    const Said said = polled(fds, [&] {
      CHECK(::send(p.b, "data", 4, 0) == 4);
      settle();
      CHECK(::shutdown(p.b, SHUT_WR) == 0);
    });
    CHECK(said == done(1));
    CHECK(fds[0].revents == POLLRDHUP);
  }
  SUBCASE("no events asked: a reset all the same") {
    const linger at_once{1, 0};
    REQUIRE(::setsockopt(p.b, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    CHECK(polled(fds, [&] { p.b.reset(); }) == done(1));
    CHECK((fds[0].revents & (POLLHUP | POLLERR)) == (POLLHUP | POLLERR));
  }
  SUBCASE("POLLPRI beside POLLIN, which urgent data is not") {
    fds[0].events = POLLIN | POLLPRI;
    CHECK(polled(fds, [&] { CHECK(::send(p.b, "u", 1, MSG_OOB) == 1); }) == done(1));
    CHECK(fds[0].revents == POLLPRI);
  }
  SUBCASE("the same descriptor with different wishes, in any order") {
    fds = {{p.a, POLLPRI, 0}, {p.a, POLLRDHUP, 0}, {p.a, POLLIN, 0}, {p.a, 0, 0}};
    std::size_t urgent = 0;
    SUBCASE("first") {}
    SUBCASE("second") { urgent = 1; }
    SUBCASE("last") { urgent = 3; }
    std::swap(fds[0], fds[urgent]);
    CHECK(polled(fds, [&] { CHECK(::send(p.b, "u", 1, MSG_OOB) == 1); }) == done(1));
    CHECK(fds[urgent].revents == POLLPRI);
  }
}

TEST_CASE_FIXTURE(Limits, "writable: at once where there is room, later where there is none") {
  const Pair p = make_pipe();
  std::vector<pollfd> fds{{p.b, POLLOUT, 0}};
  CHECK(on_fiber([&] { return say([&] { return runtime_poll(fds.data(), 1, -1); }); }) == done(1));
  const std::size_t filled = fill(p.b);
  const Said said = polled(fds, [&] {
    std::vector<char> bytes(filled);
    CHECK(::read(p.a, bytes.data(), filled) > 0);
  });
  CHECK(said == done(1));
  CHECK(fds[0].revents == POLLOUT);
}

TEST_CASE_FIXTURE(Limits, "an epoll descriptor can be polled") {
  const Pair p = make_pipe();
  const Fd set(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  REQUIRE(::epoll_ctl(set, EPOLL_CTL_ADD, p.a, &event) == 0);
  std::vector<pollfd> fds{{set, POLLIN, 0}};
  CHECK(polled(fds, [&] { CHECK(::write(p.b, "x", 1) == 1); }) == done(1));
  CHECK(fds[0].revents == POLLIN);
}

TEST_CASE_FIXTURE(Limits, "waiting costs no processor time, also for events that the driver does not know") {
  const Pair p = make_sockets();
  const Pair filled = make_sockets();
  REQUIRE(::send(filled.b, "x", 1, 0) == 1);
  // Readable, but only hang-ups are asked for: to look again and again would find nothing each time.
  pollfd fds[] = {{p.a, POLLIN, 0}, {filled.a, POLLRDHUP, 0}, {filled.a, 0, 0}};
  const auto processor_time = [] {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  };
  runtime::LocalRuntime rt;
  rt.block_on([&] {
    const auto before = processor_time();
    CHECK(runtime_poll(fds, 3, 500) == 0);
    CHECK(processor_time() - before < 250ms);  // of 500: a loop would take them all
  });
}

TEST_CASE_FIXTURE(Limits, "without a descriptor left for the private epoll, poll still finds what is asked for") {
  const Pair p = make_tcp_pair();
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  std::vector<pollfd> fds{{p.a, POLLPRI, 0}};
  const Said said = on_fiber([&] {
    // poll() itself refuses more descriptors than the limit, so one number must stay allowed; none is free.
    const rlimit one{1, before.rlim_max};
    CHECK(::setrlimit(RLIMIT_NOFILE, &one) == 0);
    auto poller = runtime::spawn_local([&] { return say([&] { return runtime_poll(fds.data(), 1, -1); }); });
    settle();
    CHECK_FALSE(poller.is_finished());
    CHECK(::send(p.b, "u", 1, MSG_OOB) == 1);
    const Said result = poller.join();
    CHECK(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    return result;
  });
  CHECK(said == done(1));
  CHECK(fds[0].revents == POLLPRI);
}
