// What readiness does not tell of, or tells of for ever: shutdown of a direction, full Unix sockets, errors that nobody
// reads. Each wait ends when the call it is part of would, and none goes round and round.

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/resource.h>

#include <functional>
#include <thread>

#include "net_support.hpp"
#include "support/sleeping_thread.hpp"

using namespace net_test;
using net::UdpSocket;
using net::UnixDatagram;
using net::UnixListener;
using net::UnixStream;

namespace {

/// How often the scheduler has resumed something.
std::uint64_t resumes() { return runtime::Handle::current().metrics().worker_poll_count(); }

std::chrono::microseconds processor_time() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/// What a call that waits says when that is done, on a fiber and on a plain thread. Both wait long enough to be seen.
template <class Socket>
std::vector<int> ended_by(LocalRuntime& rt, std::function<Socket()> make, std::function<int(const Socket&)> call,
                          std::function<void(const Socket&)> end) {
  std::vector<int> answers;
  rt.block_on([&] {
    const Socket socket = make();
    auto waiting = start([&] { return call(socket); });
    CHECK_FALSE(waiting.is_finished());
    end(socket);
    const auto before = resumes();
    answers.push_back(runtime::timeout(20s, [&] { return waiting.join(); }));
    CHECK(resumes() - before < 100);
  });
  const Socket socket = make();
  int answer = -1;
  test::SleepingThread waiting([&] { answer = call(socket); });
  CHECK(eventually([&] { return waiting.is_asleep(); }));
  end(socket);
  waiting.join();
  answers.push_back(answer);
  return answers;
}

/// One end of a pair whose other end stays open, and unread.
template <class Socket>
std::function<Socket()> full_end(std::vector<Socket>& others) {
  return [&others] {
    auto [a, b] = Socket::pair();
    others.push_back(std::move(b));
    const std::string much(16 * 1024, 'f');
    for (const std::size_t size : {much.size(), std::size_t{1}}) {
      while (::send(a.fd(), much.data(), size, 0) > 0) {
      }
    }
    return std::move(a);
  };
}

const std::vector<int> kBothZero{0, 0};
const std::vector<int> kBothBroken{EPIPE, EPIPE};

}  // namespace

TEST_CASE("one's own shutdown ends the wait for room in a full Unix socket with EPIPE") {
  Checked house;
  {
    std::vector<UnixStream> others;
    CHECK(ended_by<UnixStream>(
              house.rt,
              full_end(others), [](const UnixStream& s) { return os_error_of([&] { s.write_all("x"); }); },
              [](const UnixStream& s) { s.shutdown(SHUT_WR); }) == kBothBroken);
  }
  std::vector<UnixDatagram> others;
  CHECK(ended_by<UnixDatagram>(
            house.rt,
            full_end(others), [](const UnixDatagram& s) { return os_error_of([&] { s.send("x", 1); }); },
            [](const UnixDatagram& s) { s.shutdown(SHUT_RDWR); }) == kBothBroken);
}

TEST_CASE("a half's own shutdown does the same") {
  Checked house;
  house.rt.block_on([] {
    std::vector<UnixStream> others;
    auto [reading, writing] = full_end(others)().into_split();
    auto waiting = start([&writing = writing] { return os_error_of([&] { writing.write_all("x"); }); });
    writing.shutdown();
    CHECK(runtime::timeout(20s, [&] { return waiting.join(); }) == EPIPE);
  });
}

TEST_CASE("datagrams of a socket that was shut down for receiving end with 0") {
  Checked house;
  const auto receive = [](const UnixDatagram& s) {
    char byte;
    return static_cast<int>(s.recv(&byte, 1));
  };
  std::vector<UnixDatagram> others;
  const auto make = [&others] {
    auto [a, b] = UnixDatagram::pair();
    others.push_back(std::move(b));
    return std::move(a);
  };
  CHECK(ended_by<UnixDatagram>(house.rt, make, receive, [](const UnixDatagram& s) { s.shutdown(SHUT_RD); }) == kBothZero);
  const auto bind = [] {
    UdpSocket udp = UdpSocket::bind("127.0.0.1:0");
    udp.connect(udp.local_addr());  // else the kernel says ENOTCONN of a shutdown, and does it
    return udp;
  };
  const auto receive_from = [](const UdpSocket& s) {
    char byte;
    return static_cast<int>(s.recv_from(&byte, 1).first);
  };
  CHECK(ended_by<UdpSocket>(house.rt, bind, receive_from, [](const UdpSocket& s) { ::shutdown(s.fd(), SHUT_RD); }) == kBothZero);
}

TEST_CASE("what came before the shutdown is received") {
  Checked house;
  house.rt.block_on([] {
    auto [a, b] = UnixDatagram::pair();
    char bytes[4];
    auto waiting = start([&a = a, &bytes] { return a.recv(bytes, sizeof bytes); });
    b.send("last", 4);
    a.shutdown(SHUT_RD);
    CHECK(waiting.join() == 4);
    CHECK(a.recv(bytes, sizeof bytes) == 0);
  });
}

TEST_CASE("a shutdown that came while nobody waited is found out by whoever waits next") {
  Checked house;
  house.rt.block_on([] {
    auto [a, b] = UnixDatagram::pair();
    char byte;
    auto waiting = start([&a = a, &byte] { return a.recv(&byte, 1); });  // from now on there is news of it
    b.send("x", 1);
    CHECK(waiting.join() == 1);
    a.shutdown(SHUT_RD);
    runtime::sleep_for(5ms);  // the driver hears of it
    for (int i = 0; i < 2; ++i) CHECK(runtime::timeout(20s, [&a = a, &byte] { return a.recv(&byte, 1); }) == 0);
  });
}

TEST_CASE("a Unix listener that was shut down accepts nobody: EINVAL") {
  Checked house;
  const auto make = [] {
    static int number = 0;
    std::string name("\0runtime-net-shutdown-", 22);
    return UnixListener::bind(name + std::to_string(::getpid()) + "-" + std::to_string(++number));
  };
  CHECK(ended_by<UnixListener>(
            house.rt,
            make, [](const UnixListener& l) { return os_error_of([&] { l.accept(); }); },
            [](const UnixListener& l) { ::shutdown(l.fd(), SHUT_RDWR); }) == std::vector<int>{EINVAL, EINVAL});
}

TEST_CASE("an error queue that nobody reads makes no wait go round and round") {
  const auto make = [] {
    UdpSocket udp = UdpSocket::bind("127.0.0.1:0");
    const int on = 1;
    CHECK(::setsockopt(udp.fd(), IPPROTO_IP, IP_RECVERR, &on, sizeof on) == 0);
    const auto gone = UdpSocket::bind("127.0.0.1:0").local_addr();
    udp.send_to("x", 1, gone);
    char byte;
    CHECK(os_error_of([&] { udp.recv(&byte, 1); }) == ECONNREFUSED);
    return udp;
  };
  const auto send = [](const UdpSocket& to) { UdpSocket::bind("127.0.0.1:0").send_to("x", 1, to.local_addr()); };
  Checked house;
  house.rt.block_on([&] {
    const UdpSocket udp = make();
    char byte;
    auto waiting = start([&] { return udp.recv(&byte, 1); });
    const auto before = resumes();
    runtime::sleep_for(100ms);
    CHECK(resumes() - before < 500);  // a loop would make thousands
    send(udp);
    CHECK(waiting.join() == 1);
  });
  const UdpSocket udp = make();
  std::chrono::microseconds used{}, waited{};
  std::thread waiting([&] {
    const auto before = processor_time();
    const auto start = std::chrono::steady_clock::now();
    char byte;
    CHECK(udp.recv(&byte, 1) == 1);
    used = processor_time() - before;
    waited = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  });
  std::this_thread::sleep_for(200ms);  // long enough to tell: a loop would use all of it; a busy machine only less
  send(udp);
  waiting.join();
  CHECK(used < waited / 2);
}

TEST_CASE("urgent bytes of what never has any are waited for in peace, and in vain") {
  Checked house;
  house.rt.block_on([] {
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CHECK_FALSE(io::wait(file, io::Interest::priority, 0ms));
    const auto before = resumes();
    CHECK_FALSE(io::wait(file, io::Interest::priority, 30ms));
    CHECK(code_of([&] { runtime::timeout(30ms, [&] { io::wait(file, io::Interest::priority); }); }) == Errc::elapsed);
    CHECK(resumes() - before < 200);
    CHECK(io::wait(file, io::Interest::priority | io::Interest::readable, 0ms));
    ::close(file);
  });
}
