// copy and copy_bidirectional.

#include <tuple>

#include "net_support.hpp"

using namespace net_test;
using net::UnixStream;

TEST_CASE("copy moves everything to the end, counts it, and flushes a buffered writer") {
  Checked house;
  house.rt.block_on([] {
    auto [source, feeder] = UnixStream::pair();
    auto [drain, sink] = UnixStream::pair();
    const std::string much(1 << 20, 'c');
    auto feeding = start([&feeder = feeder, &much] {
      feeder.write_all(much);
      feeder.shutdown(SHUT_WR);
    });
    auto copying = start([&source = source, &sink = sink] {
      const auto total = io::copy(source, io::BufWriter(sink, 100'000));
      sink.shutdown(SHUT_WR);
      return total;
    });
    std::string got;
    for (std::string piece; !(piece = read_some(drain, 50'000)).empty();) got += piece;
    CHECK(got == much);
    CHECK(copying.join() == much.size());
    feeding.join();
  });
}

TEST_CASE("copy_bidirectional is a proxy: both directions at once, each end passed on, each counted") {
  Checked house;
  const auto proxy = [](UnixStream& inner_a, UnixStream& inner_b) { return io::copy_bidirectional(inner_a, inner_b); };
  const auto talk = [](UnixStream& client, UnixStream& server) {
    client.write_all("question");
    client.shutdown(SHUT_WR);
    std::string question;
    for (std::string piece; !(piece = read_some(server)).empty();) question += piece;
    CHECK(question == "question");
    server.write_all("and a longer answer");  // that direction goes on
    server.shutdown(SHUT_WR);
    std::string answer;
    for (std::string piece; !(piece = read_some(client)).empty();) answer += piece;
    CHECK(answer == "and a longer answer");
  };
  const std::pair<std::uint64_t, std::uint64_t> expected(8, 19);
  auto [client, a] = UnixStream::pair();
  auto [b, server] = UnixStream::pair();
  house.rt.block_on([&, &a = a, &b = b, &client = client, &server = server] {
    auto proxying = start([&] { return proxy(a, b); });
    talk(client, server);
    CHECK(proxying.join() == expected);
  });
  auto [client2, a2] = UnixStream::pair();
  auto [b2, server2] = UnixStream::pair();
  std::thread thread([&, &a = a2, &b = b2] { CHECK(proxy(a, b) == expected); });  // without a runtime
  talk(client2, server2);
  thread.join();
}

TEST_CASE("copy_bidirectional works in a blocking closure, and ends with the first error") {
  Checked house;
  house.rt.block_on([] {
    auto [client, a] = UnixStream::pair();
    auto [b, server] = UnixStream::pair();
    auto proxying = runtime::spawn_blocking([&a = a, &b = b] { return io::copy_bidirectional(a, b); });
    client.write_all("x");
    CHECK(read_some(server) == "x");
    client.shutdown(SHUT_WR);
    server.shutdown(SHUT_WR);
    CHECK(proxying.join().first == 1);

    auto [client2, a2] = UnixStream::pair();
    auto [b2, server2] = UnixStream::pair();
    auto failing = start([&a = a2, &b = b2] { return os_error_of([&] { io::copy_bidirectional(a, b); }); });
    { const auto gone = std::move(server2); }
    client2.write_all("for nobody");
    CHECK(failing.join() == EPIPE);
  });
}
