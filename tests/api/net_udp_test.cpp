// UDP: datagrams between bound and connected sockets.

#include "net_support.hpp"

using namespace net_test;
using net::UdpSocket;

TEST_CASE("datagrams go to an address or to the peer, keep their limits, and name their sender") {
  Checked house;
  const auto exchange = [] {
    const auto a = UdpSocket::bind("127.0.0.1:0");
    const auto b = UdpSocket::bind(net::SocketAddr::parse("127.0.0.1:0"));
    char bytes[8];
    CHECK(a.send_to("one", 3, b.local_addr()) == 3);
    CHECK(a.send_to("", 0, b.local_addr().to_string()) == 0);
    CHECK(a.send_to("much too long", 13, b.local_addr()) == 13);
    auto [size, from] = b.recv_from(bytes, sizeof bytes);
    CHECK(std::string(bytes, size) == "one");
    CHECK(from == a.local_addr());
    CHECK(b.recv(bytes, sizeof bytes) == 0);
    CHECK(b.recv(bytes, sizeof bytes) == 8);
    b.connect(a.local_addr());
    CHECK(b.peer_addr() == a.local_addr());
    a.connect("localhost:" + std::to_string(b.local_addr().port()));
    CHECK(b.send("to a", 4) == 4);
    CHECK(a.recv(bytes, sizeof bytes) == 4);
  };
  exchange();
  house.rt.block_on(exchange);
}

TEST_CASE("receivers are served in the order of coming; a cancelled one loses no datagram") {
  Checked house;
  house.rt.block_on([] {
    const auto socket = UdpSocket::bind("127.0.0.1:0");
    const auto receive = [&] {
      return start([&] {
        char byte = '?';
        const std::size_t size = socket.recv(&byte, 1);  // (a CHECK around it would catch Cancelled)
        CHECK(size == 1);
        return byte;
      });
    };
    auto first = receive(), cancelled = receive(), last = receive();
    cancelled.abort();
    for (const char* text : {"a", "b"}) socket.send_to(text, 1, socket.local_addr());
    CHECK(first.join() == 'a');
    CHECK(last.join() == 'b');
    CHECK_THROWS_AS(cancelled.join(), JoinError);
  });
}

TEST_CASE("errors of UDP are the system's") {
  Checked house;
  house.rt.block_on([] {
    std::optional<UdpSocket> socket(UdpSocket::bind("127.0.0.1:0"));
    CHECK(os_error_of([&] { socket->send("x", 1); }) == EDESTADDRREQ);
    CHECK(os_error_of([&] { socket->peer_addr(); }) == ENOTCONN);
    const std::string huge(70'000, 'x');
    CHECK(os_error_of([&] { socket->send_to(huge.data(), huge.size(), socket->local_addr()); }) == EMSGSIZE);
    CHECK(os_error_of([&] { UdpSocket::bind(socket->local_addr()); }) == EADDRINUSE);
    CHECK(os_error_of([&] { socket->send_to("x", 1, "255.255.255.255:9"); }) == EACCES);
    CHECK(code_of([&] { socket->send_to("x", 1, "nowhere"); }) == Errc::invalid_argument);
    CHECK(code_of([&] { UdpSocket::bind(net::SocketAddr::from_path("x")); }) == Errc::invalid_argument);
    socket->set_broadcast(true);
    char byte;
    auto waiting = start([&] { return os_error_of([&] { socket->recv(&byte, 1); }); });
    socket.reset();
    CHECK(waiting.join() == EBADF);
    const auto gone = UdpSocket::bind("127.0.0.1:0").local_addr();
    const auto client = UdpSocket::bind("127.0.0.1:0");
    client.connect(gone);
    client.send("x", 1);
    CHECK(os_error_of([&] { client.recv(&byte, 1); }) == ECONNREFUSED);
  });
}
