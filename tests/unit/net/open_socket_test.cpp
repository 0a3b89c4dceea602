#include "net/open_socket.hpp"

#include <fcntl.h>

#include <cerrno>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <runtime/error.hpp>

#include "base/system_error.hpp"

using runtime::net::first_of;
using runtime::net::SocketAddr;

namespace {

const std::vector<SocketAddr> kThree{SocketAddr::parse("1.1.1.1:1"), SocketAddr::parse("[::2]:2"),
                                     SocketAddr::parse("3.3.3.3:3")};

}  // namespace

TEST_CASE("addresses are tried in their order, until one will do") {
  std::string tried;
  const auto attempt = [&](const SocketAddr& address) {
    tried += address.to_string() + ' ';
    if (address.port() < 2) runtime::base::throw_errno(ECONNREFUSED, "attempt");
    return address.port();
  };
  CHECK(first_of(kThree, attempt) == 2);
  CHECK(tried == "1.1.1.1:1 [::2]:2 ");
  CHECK(first_of("3.3.3.3:3", attempt) == 3);
}

TEST_CASE("when all addresses fail, the error is the last one's") {
  int error = 0;
  try {
    first_of(kThree, [](const SocketAddr& address) { runtime::base::throw_errno(100 + address.port(), "attempt"); });
  } catch (const std::system_error& last) {
    error = last.code().value();
  }
  CHECK(error == 103);
}

TEST_CASE("cancellation and misuse end the trying") {
  int tries = 0;
  const auto cancelled = [&](const SocketAddr&) {
    ++tries;
    throw runtime::Cancelled();
  };
  const auto refused = [&](const SocketAddr&) {
    ++tries;
    throw runtime::Error(runtime::Errc::io_disabled, "no I/O");
  };
  CHECK_THROWS_AS(first_of(kThree, cancelled), runtime::Cancelled);
  CHECK_THROWS_AS(first_of(kThree, refused), runtime::Error);
  CHECK(tries == 2);
}

TEST_CASE("a socket is born non-blocking and close-on-exec") {
  const auto fd = runtime::net::open_socket(AF_INET, SOCK_STREAM);
  CHECK((::fcntl(fd.get(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
}
