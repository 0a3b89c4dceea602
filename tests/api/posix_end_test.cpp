// The ends that readiness alone does not tell of: sockets shut down by somebody else while a call waits on them.

#include "posix_support.hpp"

using namespace posix_test;

namespace {

/// What a call that waits says once something was done to its socket.
template <class Call, class Act>
Said after(Call call, Act act) {
  Said said{};
  on_fiber([&] {
    auto waiting = runtime::spawn_local([&] { return say(call); });
    settle();
    CHECK_FALSE(waiting.is_finished());
    act();
    said = waiting.join();
  });
  return said;
}

}  // namespace

TEST_CASE_FIXTURE(Limits, "a receiver on a datagram socket gets the end when its side is shut down") {
  char byte;
  iovec part{&byte, 1};
  for (const char* what : {"recv", "read", "readv"}) {
    CAPTURE(what);
    const std::string call = what;
    const Pair pair = make_sockets(SOCK_DGRAM);
    const auto receive = [&]() -> ssize_t {
      if (call == "recv") return runtime_recv(pair.a, &byte, 1, 0);
      return call == "read" ? runtime_read(pair.a, &byte, 1) : runtime_readv(pair.a, &part, 1);
    };
    CHECK(after(receive, [&] { CHECK(runtime_shutdown(pair.a, SHUT_RD) == 0); }) == done(0));
  }
  const Fd udp = make_udp();
  const sockaddr_in address = bind_loopback(udp);
  REQUIRE(::connect(udp, generic(address), sizeof address) == 0);
  CHECK(after([&] { return runtime_recv(udp, &byte, 1, 0); }, [&] { CHECK(::shutdown(udp, SHUT_RD) == 0); }) == done(0));
}

TEST_CASE_FIXTURE(Limits, "an accept on a Unix listener ends when that is shut down") {
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un any{};
  any.sun_family = AF_UNIX;
  REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&any), sizeof any.sun_family) == 0);  // to a name of its own
  REQUIRE(::listen(listener, 4) == 0);
  CHECK(after([&] { return runtime_accept(listener, nullptr, nullptr); },
              [&] { CHECK(runtime_shutdown(listener, SHUT_RD) == 0); }) == failed(EINVAL));
}

TEST_CASE_FIXTURE(Limits, "a sender on a full Unix socket ends when its side is shut down") {
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
    CAPTURE(type);
    const Pair pair = make_sockets(type);
    fill(pair.a);
    CHECK(after([&] { return runtime_send(pair.a, "x", 1, MSG_NOSIGNAL); },
                [&] { CHECK(runtime_shutdown(pair.a, SHUT_WR) == 0); }) == failed(EPIPE));
  }
}

TEST_CASE_FIXTURE(Limits, "a shutdown on another thread ends a wait, too") {
  const Pair pair = make_sockets();
  fill(pair.a);
  CHECK(after([&] { return runtime_send(pair.a, "x", 1, MSG_NOSIGNAL); },
              [&] { runtime::offload([&] { CHECK(runtime_shutdown(pair.a, SHUT_WR) == 0); }); }) == failed(EPIPE));
}

TEST_CASE_FIXTURE(Limits, "a null time is EFAULT, not a fault") {
  const timespec* const none = nullptr;
  on_fiber([&] { CHECK(say([&] { return runtime_nanosleep(none, nullptr); }) == failed(EFAULT)); });
}
