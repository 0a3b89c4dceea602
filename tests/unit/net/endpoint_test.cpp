#include "net/endpoint.hpp"

#include <string>

#include <doctest/doctest.h>

#include <runtime/error.hpp>

using runtime::net::Endpoint;

TEST_CASE("an endpoint is a host and a port") {
  const Endpoint name = Endpoint::parse("example.org:80");
  CHECK(name.host == "example.org");
  CHECK(name.port == 80);
  CHECK_FALSE(name.is_bracketed);
  CHECK_FALSE(name.address());
  const Endpoint six = Endpoint::parse("[::1]:65535");
  CHECK(six.host == "::1");
  CHECK(six.port == 65535);
  CHECK(six.is_bracketed);
  CHECK(six.address()->to_string() == "[::1]:65535");
  CHECK(Endpoint::parse("127.0.0.1:1").address()->to_string() == "127.0.0.1:1");
}

TEST_CASE("what looks nearly like an address is a name, for the resolver to judge") {
  for (const char* text : {"1.2.3:80", "1.2.3.4.5:80", "256.1.1.1:80", "under_score:1", "-:1"}) {
    CAPTURE(text);
    CHECK_FALSE(Endpoint::parse(text).address());
  }
}

TEST_CASE("a long or broken host is no address, and never overruns") {
  const std::string long_host(5000, '1');
  CHECK_FALSE(Endpoint::parse(long_host + ":80").address());
  CHECK_THROWS_AS(Endpoint::parse("[" + std::string(5000, ':') + "]:80"), runtime::Error);
  CHECK_THROWS_AS(Endpoint::parse(std::string("a\0b:80", 6)), runtime::Error);
  CHECK_THROWS_AS(Endpoint::parse(std::string("[::1\0]:80", 9)), runtime::Error);
}
