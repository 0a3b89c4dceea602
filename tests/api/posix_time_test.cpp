// The calls that wait for time alone, and the time limits of sockets.

#include <poll.h>

#include <functional>

#include "posix_support.hpp"

using namespace posix_test;
using Clock = std::chrono::steady_clock;

namespace {

/// Makes the call on a fiber; the others must have turns meanwhile, and it must last at least so long.
Said last(std::chrono::microseconds at_least, std::function<ssize_t()> call) {
  return on_fiber([&] {
    bool has_ended = false;
    int turns = 0;
    auto sibling = runtime::spawn_local([&] {
      while (!has_ended) {
        ++turns;
        runtime::yield_now();
      }
    });
    const auto start = Clock::now();
    const Said said = say(call);
    CHECK(Clock::now() - start >= at_least);
    has_ended = true;
    sibling.join();
    CHECK(turns > 0);
    return said;
  });
}

}  // namespace

TEST_CASE_FIXTURE(Limits, "the sleeping calls last as long as they say, and park") {
  const timespec time{0, 3'000'000};
  timespec left{7, 7};
  CHECK(last(3ms, [&] { return runtime_nanosleep(&time, &left); }) == done(0));
  CHECK(left.tv_sec == 7);
  CHECK(last(3ms, [] { return runtime_usleep(3000); }) == done(0));
  CHECK(last(1s, [] { return static_cast<ssize_t>(runtime_sleep(1)); }) == done(0));
  CHECK(last(3ms, [] { return runtime_poll(nullptr, 0, 3); }) == done(0));
}

TEST_CASE_FIXTURE(Limits, "a sleep of no time lets the others go on") {
  const timespec none{0, 0};
  CHECK(last(0ms, [&] { return runtime_nanosleep(&none, nullptr); }) == done(0));
  CHECK(last(0ms, [] { return runtime_usleep(0); }) == done(0));
  CHECK(last(0ms, [] { return static_cast<ssize_t>(runtime_sleep(0)); }) == done(0));
}

TEST_CASE_FIXTURE(Limits, "nanosleep refuses times that are none") {
  const auto sleep = [](time_t seconds, long nanos) {
    const timespec time{seconds, nanos};
    return on_fiber([&] { return say([&] { return runtime_nanosleep(&time, nullptr); }); });
  };
  CHECK(sleep(0, 1'000'000'000) == failed(EINVAL));
  CHECK(sleep(0, -1) == failed(EINVAL));
  CHECK(sleep(-1, 0) == failed(EINVAL));
}

TEST_CASE_FIXTURE(Limits, "a thousand sleepers sleep at once") {
  const auto start = Clock::now();
  const int ended = on_fiber([] {
    std::vector<runtime::JoinHandle<int>> sleepers;
    for (int i = 0; i < 1000; ++i) {
      sleepers.push_back(runtime::spawn_local([] { return runtime_usleep(20'000); }));
    }
    int count = 0;
    for (auto& sleeper : sleepers) count += sleeper.join() == 0;
    return count;
  });
  CHECK(ended == 1000);
  CHECK(Clock::now() - start < 10s);  // one after the other: 20 s
}

TEST_CASE_FIXTURE(Limits, "SO_RCVTIMEO ends a receive with EAGAIN, and counts over all waits of one call") {
  const Pair p = make_sockets();
  set_time_limit(p.a, SO_RCVTIMEO, 5ms);
  char buffer[8];
  CHECK(last(5ms, [&] { return runtime_recv(p.a, buffer, 8, 0); }) == failed(EAGAIN));
  CHECK(last(5ms, [&] { return runtime_read(p.a, buffer, 8); }) == failed(EAGAIN));
  const iovec part{buffer, 8};
  CHECK(last(5ms, [&] { return runtime_readv(p.a, &part, 1); }) == failed(EAGAIN));
  REQUIRE(::send(p.b, "abc", 3, 0) == 3);
  CHECK(last(5ms, [&] { return runtime_recv(p.a, buffer, 8, MSG_WAITALL); }) == done(3));
  REQUIRE(::send(p.b, "abc", 3, 0) == 3);
  CHECK(last(5ms, [&] { return runtime_recv(p.a, buffer, 8, MSG_WAITALL | MSG_PEEK); }) == done(3));
}

TEST_CASE_FIXTURE(Limits, "SO_SNDTIMEO ends a send: with the bytes that went out, or with EAGAIN") {
  const Pair p = make_sockets();
  set_time_limit(p.b, SO_SNDTIMEO, 5ms);
  std::string text(1'000'000, 'x');
  const Said said = last(5ms, [&] { return runtime_send(p.b, text.data(), text.size(), 0); });
  CHECK(said.error == 0);
  CHECK(said.result > 0);
  CHECK(said.result < 1'000'000);
  // A small rest may fit; then no more.
  fill(p.b);
  CHECK(last(5ms, [&] { return runtime_send(p.b, text.data(), text.size(), 0); }) == failed(EAGAIN));
  CHECK(last(5ms, [&] { return runtime_write(p.b, text.data(), text.size()); }) == failed(EAGAIN));
  CHECK_FALSE(is_nonblocking(p.b));
}

TEST_CASE_FIXTURE(Limits, "SO_RCVTIMEO of a listener ends accept with EAGAIN") {
  const Listener listener;
  set_time_limit(listener.fd, SO_RCVTIMEO, 5ms);
  CHECK(last(5ms, [&] { return runtime_accept(listener.fd, nullptr, nullptr); }) == failed(EAGAIN));
}

TEST_CASE_FIXTURE(Limits, "SO_SNDTIMEO ends connect with EINPROGRESS, and a second one with EALREADY") {
  const FullListener listener;
  const Fd client = make_tcp();
  set_time_limit(client, SO_SNDTIMEO, 5ms);
  const auto connect = [&] { return runtime_connect(client, generic(listener.address), sizeof listener.address); };
  CHECK(last(5ms, connect) == failed(EINPROGRESS));
  CHECK(last(5ms, connect) == failed(EALREADY));
  CHECK_FALSE(is_nonblocking(client));
  // As the C library has it.
  const Fd other = make_tcp();
  set_time_limit(other, SO_SNDTIMEO, 5ms);
  const auto libc_connect = [&] { return ::connect(other, generic(listener.address), sizeof listener.address); };
  CHECK(say(libc_connect) == failed(EINPROGRESS));
  CHECK(say(libc_connect) == failed(EALREADY));
}

TEST_CASE_FIXTURE(Limits,
                  "SO_SNDTIMEO ends connect to a full Unix listener with EAGAIN; without it there is room later") {
  const FullUnixListener listener("time");
  const Fd client = FullUnixListener::unix_socket();
  set_time_limit(client, SO_SNDTIMEO, 5ms);
  const auto connect = [&] { return runtime_connect(client, listener.generic_address(), sizeof listener.address); };
  CHECK(last(5ms, connect) == failed(EAGAIN));
  set_time_limit(client, SO_SNDTIMEO, 0ms);
  const Said said = on_fiber([&] {
    auto waiting = runtime::spawn_local([&] { return listener.connect(client); });
    settle();
    CHECK_FALSE(waiting.is_finished());
    const Fd accepted(::accept(listener.fd, nullptr, nullptr));
    return waiting.join();
  });
  CHECK(said == done(0));
  CHECK_FALSE(is_nonblocking(client));
}

TEST_CASE_FIXTURE(Limits, "poll waits for its time, though the limit of the socket is shorter") {
  const Pair p = make_sockets();
  set_time_limit(p.a, SO_RCVTIMEO, 1ms);
  pollfd fd{p.a, POLLIN, 0};
  CHECK(last(10ms, [&] { return runtime_poll(&fd, 1, 10); }) == done(0));
  CHECK(fd.revents == 0);
}
