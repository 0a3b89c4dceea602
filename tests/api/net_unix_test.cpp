// Sockets of the Unix domain: streams, listeners, datagrams.

#include <filesystem>
#include <vector>

#include "net_support.hpp"

using namespace net_test;
using net::UnixDatagram;
using net::UnixListener;
using net::UnixStream;

namespace {

/// A folder that goes with the test, and what is in it.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "runtime-net-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  std::string operator/(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("streams connect by a path, and come as pairs, on fibers and on plain threads") {
  Checked house;
  const Folder folder;
  const auto exchange = [](const std::string& path) {
    const auto listener = UnixListener::bind(path);
    CHECK(listener.local_addr().to_string() == path);
    const auto client = UnixStream::connect(path);
    const auto [server, peer] = listener.accept();
    CHECK(peer.to_string().empty());
    CHECK(client.peer_addr().to_string() == path);
    client.write_all("hello");
    CHECK(read_some(server) == "hello");
    client.shutdown(SHUT_WR);
    CHECK(read_some(server).empty());
    auto [a, b] = UnixStream::pair();
    auto [reading, writing] = a.into_split();
    b.write_all("in");
    writing.write_all("out");
    CHECK(read_some(reading) + read_some(b) == "inout");
    { const auto gone = std::move(writing); }
    CHECK(read_some(b).empty());
  };
  exchange(folder / "a");
  house.rt.block_on([&] {
    exchange(folder / "b");
    exchange(std::string("\0runtime-net-test-", 18) + std::to_string(::getpid()));
  });
}

TEST_CASE("a connect to a full listener waits until there is room, and ends when it is cancelled") {
  Checked house;
  const Folder folder;
  house.rt.block_on([&] {
    const auto listener = UnixListener::bind(folder / "s");
    REQUIRE(::listen(listener.fd(), 0) == 0);
    std::vector<UnixStream> streams;
    const auto connect = [&] { return start([&] { return UnixStream::connect(folder / "s"); }); };
    auto first = connect();
    streams.push_back(first.join());
    auto second = connect(), third = connect();
    CHECK_FALSE(second.is_finished());
    third.abort();
    CHECK_THROWS_AS(third.join(), JoinError);
    streams.push_back(listener.accept().first);
    streams.push_back(second.join());
    std::thread thread([&] {
      const auto late = UnixStream::connect(folder / "s");  // waits in the same way
      late.write_all("x");
    });
    streams.push_back(listener.accept().first);
    const auto accepted = listener.accept().first;
    CHECK(read_some(accepted) == "x");
    thread.join();
  });
}

TEST_CASE("datagrams: pairs, paths, waiting for the receiver, and ends") {
  Checked house;
  const Folder folder;
  house.rt.block_on([&] {
    char bytes[16];
    auto [a, b] = UnixDatagram::pair();
    CHECK(a.send("one", 3) == 3);
    CHECK(a.send("", 0) == 0);
    CHECK(b.recv(bytes, sizeof bytes) == 3);
    CHECK(b.recv(bytes, sizeof bytes) == 0);

    const auto server = UnixDatagram::bind(folder / "server");
    const auto client = UnixDatagram::bind(folder / "client");
    CHECK(client.send_to("ask", 3, folder / "server") == 3);
    const auto [size, from] = server.recv_from(bytes, sizeof bytes);
    CHECK(size == 3);
    CHECK(from.to_string() == folder / "client");
    CHECK(server.send_to("tell", 4, from) == 4);
    client.connect(folder / "server");
    CHECK(client.recv(bytes, sizeof bytes) == 4);

    int sent = 0;
    auto flood = start([&] {
      const auto sender = UnixDatagram::unbound();
      for (; sent < 2000; ++sent) sender.send_to("x", 1, folder / "server");
    });
    CHECK(sent < 2000);
    for (int i = 0; i < 2000; ++i) CHECK(server.recv(bytes, sizeof bytes) == 1);
    flood.join();

    auto connected_flood = start([&] {
      for (int i = 0; i < 2000; ++i) client.send("y", 1);
    });
    for (int i = 0; i < 2000; ++i) CHECK(server.recv(bytes, sizeof bytes) == 1);
    connected_flood.join();
  });
}

TEST_CASE("errors of Unix sockets") {
  Checked house;
  const Folder folder;
  house.rt.block_on([&] {
    CHECK(os_error_of([&] { UnixStream::connect(folder / "nobody"); }) == ENOENT);
    { const auto gone = UnixListener::bind(folder / "gone"); }
    CHECK(os_error_of([&] { UnixStream::connect(folder / "gone"); }) == ECONNREFUSED);
    CHECK(os_error_of([&] { UnixListener::bind(folder / "gone"); }) == EADDRINUSE);
    CHECK(code_of([] { UnixListener::bind(""); }) == Errc::invalid_argument);
    CHECK(code_of([] { UnixStream::connect(std::string(200, 'p')); }) == Errc::invalid_argument);
    CHECK(code_of([] { UnixStream::connect(net::SocketAddr::parse("1.2.3.4:5")); }) == Errc::invalid_argument);
    CHECK(code_of([] { UnixDatagram::bind(net::SocketAddr()); }) == Errc::invalid_argument);
    CHECK(os_error_of([] { UnixDatagram::unbound().send("x", 1); }) == ENOTCONN);
    auto [a, b] = UnixStream::pair();
    { const auto gone = std::move(b); }
    CHECK(os_error_of([&a = a] { a.write_all("x"); }) == EPIPE);
    std::optional<UnixListener> listener(UnixListener::bind(folder / "l"));
    auto waiting = start([&] { return os_error_of([&] { listener->accept(); }); });
    listener.reset();
    CHECK(waiting.join() == EBADF);
  });
}
