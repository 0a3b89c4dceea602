#include "io/shared_fd.hpp"

#include <fcntl.h>

#include <utility>

#include <doctest/doctest.h>

#include <runtime/detail/raw_fd.hpp>
#include <runtime/runtime.hpp>

#include "base/valgrind.hpp"
#include "support/descriptors.hpp"
#include "support/leak_check.hpp"

using namespace runtime::io;
using runtime::detail::RawFd;

namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "the last share closes the descriptor") {
  test::FdPair sockets = test::make_sockets();
  SharedFd* shared = SharedFd::make(std::move(sockets.first));
  const int fd = shared->fd();
  shared->hold();
  shared->release();
  CHECK(is_open(fd));
  shared->release();
  CHECK_FALSE(is_open(fd));
}

TEST_CASE_FIXTURE(test::LeakCheck, "an owner closes its directions at once, the descriptor with the last call") {
  test::FdPair sockets = test::make_sockets();
  SharedFd* shared = SharedFd::make(std::move(sockets.first));
  shared->hold();
  { const RawFd owner(shared, RawFd::kBoth); }
  CHECK(shared->turns(Direction::read).is_closed());
  CHECK(shared->turns(Direction::write).is_closed());
  CHECK(is_open(shared->fd()));
  shared->release();
}

TEST_CASE_FIXTURE(test::LeakCheck, "a call without a share outlives the owner, and the last one closes the descriptor") {
  test::FdPair sockets = test::make_sockets();
  SharedFd* shared = SharedFd::make(std::move(sockets.first));
  const int fd = shared->fd();
  Turns& reading = shared->turns(Direction::read);
  Turns& writing = shared->turns(Direction::write);
  REQUIRE(reading.enter_at_once());
  REQUIRE(writing.enter_at_once());
  { const RawFd owner(shared, RawFd::kBoth); }
  CHECK(reading.is_closed());
  REQUIRE(writing.leave());
  shared->release();
  CHECK(is_open(fd));
  REQUIRE(reading.leave());
  shared->release();
  CHECK_FALSE(is_open(fd));
}

TEST_CASE_FIXTURE(test::LeakCheck, "each half closes its own direction; that of writing shuts the socket's down") {
  test::FdPair sockets = test::make_sockets();
  SharedFd* shared = SharedFd::make(std::move(sockets.first));
  RawFd whole(shared, RawFd::kBoth);
  char byte;
  {
    const RawFd writing = whole.split_write();
    CHECK(writing.fd() == whole.fd());
  }
  CHECK(shared->turns(Direction::write).is_closed());
  CHECK_FALSE(shared->turns(Direction::read).is_closed());
  CHECK(::recv(sockets.second.get(), &byte, 1, 0) == 0);
  RawFd moved = std::move(whole);
  CHECK(whole.fd() == -1);
  whole = std::move(moved);
  CHECK(whole.fd() == shared->fd());
}

TEST_CASE_FIXTURE(test::LeakCheck, "closing a socket that lingers parks the fiber") {
  runtime::LocalRuntime rt;
  rt.block_on([] {
    const auto listener = runtime::net::TcpListener::bind("127.0.0.1:0");
    auto client = runtime::net::TcpStream::connect(listener.local_addr());
    const auto server = listener.accept().first;
    const linger option{1, 1};
    REQUIRE(::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &option, sizeof option) == 0);
    const char bytes[4096] = {};
    while (::write(client.fd(), bytes, sizeof bytes) > 0) {
    }
    auto closing = runtime::spawn_local([gone = std::move(client)]() mutable { const auto here = std::move(gone); });
    int turns = 0;
    while (!closing.is_finished()) {
      ++turns;
      runtime::sleep_for(std::chrono::milliseconds(1));
    }
    // Valgrind lets no other thread run while one is in close(2).
    if (!runtime::base::under_valgrind()) CHECK(turns > 2);
    closing.join();
  });
}
