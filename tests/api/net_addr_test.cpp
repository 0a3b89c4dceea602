// Addresses as text, and looking names up.

#include <netdb.h>
#include <netinet/in.h>

#include <vector>

#include "net_support.hpp"

using namespace net_test;
using net::SocketAddr;

TEST_CASE("an address reads as it is written") {
  for (const char* text : {"1.2.3.4:5", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:5", "[::]:0", "[fe80::1%7]:80",
                           "[2001:db8::ff]:443", "[::ffff:1.2.3.4]:9"}) {
    CAPTURE(text);
    CHECK(SocketAddr::parse(text).to_string() == text);
  }
  CHECK(SocketAddr::parse("1.2.3.4:5").port() == 5);
  CHECK(SocketAddr::parse("1.2.3.4:5").is_ipv4());
  CHECK(SocketAddr::parse("[::1]:5").is_ipv6());
  CHECK(SocketAddr::parse("[::1%lo]:5").to_string() == "[::1%1]:5");
  CHECK(SocketAddr().to_string().empty());
}

TEST_CASE("malformed addresses are invalid_argument, with the text in the sentence") {
  const Limits limits;
  for (const char* text : {"", ":", "1.2.3.4", "1.2.3.4:", ":80", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4: 1",
                           "host:http", "::1:80", "[::1]",
                           "[::1:80", "::1]:80", "[]:80", "[1.2.3.4]:80", "[name]:80", "[::1%]:80",
                           "a:b:80"}) {
    CAPTURE(text);
    CHECK(code_of([&] { SocketAddr::parse(text); }) == Errc::invalid_argument);
    CHECK(code_of([&] { net::lookup_host(text); }) == Errc::invalid_argument);
    CHECK(code_of([&] { net::TcpStream::connect(text); }) == Errc::invalid_argument);
    CHECK(code_of([&] { net::TcpListener::bind(text); }) == Errc::invalid_argument);
  }
  CHECK(code_of([] { SocketAddr::parse("localhost:80"); }) == Errc::invalid_argument);
  CHECK(code_of([] { net::TcpStream::connect(SocketAddr()); }) == Errc::invalid_argument);
}

TEST_CASE("a path is an address of a Unix socket") {
  CHECK(SocketAddr::from_path("/run/x").to_string() == "/run/x");
  CHECK(SocketAddr::from_path("/run/x").is_unix());
  CHECK(SocketAddr::from_path("/run/x").port() == 0);
  const std::string longest(107, 'p');
  CHECK(SocketAddr::from_path(longest).to_string() == longest);
  CHECK(code_of([&] { SocketAddr::from_path(longest + "p"); }) == Errc::invalid_argument);
  CHECK(code_of([] { SocketAddr::from_path(""); }) == Errc::invalid_argument);
  CHECK(code_of([] { SocketAddr::from_path(std::string("a\0b", 3)); }) == Errc::invalid_argument);
  const std::string abstract("\0name", 5);
  CHECK(SocketAddr::from_path(abstract).to_string() == abstract);
}

TEST_CASE("a native address is at least as large as its family says, and at most as any") {
  sockaddr_storage native{};
  const auto code_for = [&native](sa_family_t family, std::size_t size) {
    native.ss_family = family;
    return code_of([&] {
      const auto* bytes = reinterpret_cast<const sockaddr*>(&native);
      const auto address = SocketAddr::from_native(bytes, static_cast<socklen_t>(size));
      CHECK(address.size() == size);
    });
  };
  CHECK(code_for(AF_INET, sizeof(sockaddr_in) - 1) == Errc::invalid_argument);
  CHECK(code_for(AF_INET, sizeof(sa_family_t)) == Errc::invalid_argument);
  CHECK_FALSE(code_for(AF_INET, sizeof(sockaddr_in)));
  CHECK(code_for(AF_INET6, sizeof(sockaddr_in)) == Errc::invalid_argument);
  CHECK(code_for(AF_INET6, sizeof(sockaddr_in6) - 1) == Errc::invalid_argument);
  CHECK_FALSE(code_for(AF_INET6, sizeof(sockaddr_in6)));
  CHECK(code_for(AF_UNIX, 1) == Errc::invalid_argument);  // not even the family
  CHECK_FALSE(code_for(AF_UNIX, sizeof(sa_family_t)));    // without a path
  CHECK_FALSE(code_for(AF_UNIX, sizeof native));
  CHECK(code_for(AF_UNIX, sizeof native + 1) == Errc::invalid_argument);
  CHECK(SocketAddr::from_native(nullptr, 0) == SocketAddr());  // of a sender without an address
}

TEST_CASE("addresses are equal when they mean the same") {
  CHECK(SocketAddr::parse("1.2.3.4:5") == SocketAddr::parse("1.2.3.4:5"));
  CHECK(SocketAddr::parse("1.2.3.4:5") != SocketAddr::parse("1.2.3.4:6"));
  CHECK(SocketAddr::parse("1.2.3.4:5") != SocketAddr::parse("1.2.3.5:5"));
  CHECK(SocketAddr::parse("[::1]:5") != SocketAddr::parse("[::1%1]:5"));
  CHECK(SocketAddr::parse("[::1]:5") == SocketAddr::parse("[0:0::1]:5"));
  CHECK(SocketAddr::from_path("a") != SocketAddr::from_path("b"));
  CHECK(SocketAddr::from_path("a") == SocketAddr::from_path("a"));
  CHECK(SocketAddr() == SocketAddr());
  CHECK(SocketAddr() != SocketAddr::from_path("a"));
  sockaddr_in padded{};
  padded.sin_family = AF_INET;
  padded.sin_port = htons(5);
  padded.sin_zero[0] = 'x';
  CHECK(SocketAddr::from_native(reinterpret_cast<const sockaddr*>(&padded), sizeof padded) ==
        SocketAddr::parse("0.0.0.0:5"));
}

TEST_CASE("localhost has addresses, on a fiber and on a plain thread; all of them have the port") {
  Checked house;
  const auto look_up = [] {
    const std::vector<SocketAddr> all = net::lookup_host("localhost:81");
    CHECK_FALSE(all.empty());
    for (const SocketAddr& each : all) CHECK(each.port() == 81);
  };
  look_up();
  house.rt.block_on(look_up);
  CHECK(net::lookup_host("127.0.0.1:5") == std::vector<SocketAddr>{SocketAddr::parse("127.0.0.1:5")});
}

TEST_CASE("connect and bind take names, and connect tries every address in turn") {
  Checked house;
  house.rt.block_on([] {
    const auto listener = net::TcpListener::bind("127.0.0.1:0");
    const std::string port = std::to_string(listener.local_addr().port());
    CHECK(net::TcpStream::connect("localhost:" + port).peer_addr().port() == listener.local_addr().port());
    CHECK(net::TcpListener::bind("localhost:0").local_addr().port() != 0);
    CHECK(os_error_of([&] { net::TcpListener::bind("127.0.0.1:" + port); }) == EADDRINUSE);
  });
}

TEST_CASE("a name that cannot be resolved is a std::system_error in resolve_category") {
  Checked house;
  const auto resolve = [] {
    try {
      net::TcpStream::connect("no-such-host.invalid:80");
      CHECK(false);
    } catch (const std::system_error& error) {
      CHECK(error.code().category() == net::resolve_category());
      CHECK(error.code().value() < 0);
      CHECK(std::string(error.what()).find("no-such-host.invalid") != std::string::npos);
      CHECK(error.code().message() == ::gai_strerror(error.code().value()));
    }
  };
  resolve();
  house.rt.block_on(resolve);
  CHECK(net::resolve_category().name() == std::string("runtime.resolve"));
}
