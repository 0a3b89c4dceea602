// TCP on fibers and plain threads: connecting, reading, writing, ends and errors.

#include <limits.h>
#include <sys/resource.h>

#include <algorithm>
#include <vector>

#include "net_support.hpp"
#include "support/sleeping_thread.hpp"

using namespace net_test;

TEST_CASE("a client and a server on one thread exchange bytes in both directions") {
  Checked house;
  house.rt.block_on([] {
    const auto listener = net::TcpListener::bind("127.0.0.1:0");
    CHECK(listener.local_addr().port() != 0);
    auto server = start([&] {
      auto [stream, peer] = listener.accept();
      CHECK(peer == stream.peer_addr());
      char word[5];
      CHECK(stream.read_exact(word, sizeof word) == 5);
      stream.write_all(std::string(word, 5) + " yourself");
    });
    const auto client = net::TcpStream::connect(listener.local_addr().to_string());
    CHECK(client.peer_addr() == listener.local_addr());
    CHECK(client.write("hello", 5) == 5);
    std::string answer;
    for (std::string piece; !(piece = read_some(client)).empty();) answer += piece;
    CHECK(answer == "hello yourself");
    server.join();
  });
}

TEST_CASE("the same calls block a plain thread, and one socket serves both") {
  Checked house;
  auto [client, server] = connect();
  std::thread echo([&server = server] {
    char bytes[16];
    while (const std::size_t n = server.read(bytes, sizeof bytes)) server.write_all(bytes, n);
    server.shutdown(SHUT_WR);
  });
  house.rt.block_on([&client = client] {
    for (const char* word : {"one", "two", "three"}) {
      client.write_all(word);
      CHECK(read_some(client) == word);
    }
    client.shutdown(SHUT_WR);
    CHECK(read_some(client).empty());
  });
  echo.join();
}

TEST_CASE("a write larger than every buffer parks until the reader has taken it") {
  Checked house;
  house.rt.block_on([] {
    const auto [client, server] = connect();
    std::string much(8 << 20, '\0');
    for (std::size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>(i * 131 >> 7);
    auto writer = start([&client = client, &much] {
      client.write_all(much);
      client.shutdown(SHUT_WR);
    });
    CHECK_FALSE(writer.is_finished());
    std::string got;
    for (std::string piece; !(piece = read_some(server, 100'000)).empty();) got += piece;
    CHECK(got == much);
    writer.join();
  });
}

TEST_CASE("several buffers are written and read in their order") {
  Checked house;
  house.rt.block_on([] {
    const auto [client, server] = connect();
    char a[] = "ab", b[] = "cde";
    const iovec out[] = {{a, 2}, {nullptr, 0}, {b, 3}};
    CHECK(client.writev(out, 3) == 5);
    char x[4], y[4];
    const iovec in[] = {{x, 4}, {y, 4}};
    CHECK(server.peek(x, 1) == 1);
    CHECK(x[0] == 'a');
    CHECK(server.readv(in, 2) == 5);
    CHECK(std::string(x, 4) + y[0] == "abcde");
    CHECK(server.read(x, 0) == 0);
    CHECK(server.readv(in, 0) == 0);
    CHECK(client.writev(out, 0) == 0);
  });
}

TEST_CASE("fewer buffers than none, and more than the system takes, are EINVAL, whatever there is to read") {
  const auto test = [] {
    const auto [client, server] = connect();
    char byte = 'x';
    const std::vector<iovec> parts(IOV_MAX + 1, iovec{&byte, 1});
    for (const int count : {-1, INT_MIN, IOV_MAX + 1}) {
      CHECK(os_error_of([&, &client = client] { client.writev(parts.data(), count); }) == EINVAL);
      CHECK(os_error_of([&, &server = server] { server.readv(parts.data(), count); }) == EINVAL);
    }
    CHECK(client.writev(parts.data(), IOV_MAX) == IOV_MAX);
    CHECK(os_error_of([&, &server = server] { server.readv(parts.data(), -1); }) == EINVAL);
    CHECK(server.readv(parts.data(), IOV_MAX) == IOV_MAX);
  };
  Checked house;
  house.rt.block_on(test);
  test();
}

TEST_CASE("a stream that ends inside read_exact is unexpected_end") {
  Checked house;
  house.rt.block_on([] {
    auto [client, server] = connect();
    client.write_all("abc");
    { const auto gone = std::move(client); }
    char bytes[5];
    CHECK(code_of([&server = server, &bytes] { server.read_exact(bytes, 5); }) == Errc::unexpected_end);
  });
}

TEST_CASE("a second reader is queued behind the first, and a third behind the second") {
  Checked house;
  house.rt.block_on([] {
    const auto [client, server] = connect();
    std::vector<int> order;
    const auto reader = [&server = server, &order](int number) {
      return start([&server, &order, number] {
        for (int i = 0; i < 2; ++i) {
          CHECK(read_some(server, 1).size() == 1);
          order.push_back(number);
        }
      });
    };
    auto first = reader(1), second = reader(2), third = reader(3);
    for (std::size_t sent = 0; sent < 6; ++sent) {
      client.write_all("x");
      CHECK(eventually([&] { return order.size() == sent + 1; }));
    }
    CHECK(order == std::vector<int>{1, 2, 3, 1, 2, 3});
    first.join(), second.join(), third.join();
  });
}

TEST_CASE("the bytes of two write_all do not mix") {
  Checked house;
  house.rt.block_on([] {
    const auto [client, server] = connect();
    const std::size_t size = 4 << 20;
    auto a = start([&client = client] { client.write_all(std::string(size, 'a')); });
    auto b = start([&client = client] { client.write_all(std::string(size, 'b')); });
    std::string got;
    while (got.size() < 2 * size) got += read_some(server, 100'000);
    CHECK(got == std::string(size, 'a') + std::string(size, 'b'));
    a.join(), b.join();
  });
}

TEST_CASE("reading and writing go on at once in two fibers, and in the halves of a split stream") {
  Checked house;
  house.rt.block_on([] {
    auto [client, server] = connect();
    auto [reading, writing] = client.into_split();
    CHECK(client.fd() == -1);
    auto reader = start([&reading = reading] { return read_some(reading); });
    writing.write_all("ping");
    CHECK(read_some(server) == "ping");
    server.write_all("pong");
    CHECK(reader.join() == "pong");
    auto waiting = start([&reading = reading] { return read_some(reading); });
    { const auto gone = std::move(writing); }
    CHECK(read_some(server).empty());  // that direction is shut down
    server.write_all("still here");
    CHECK(waiting.join() == "still here");  // and the other is not touched
  });
}

TEST_CASE("destroying a stream fails with EBADF whoever waits in it: for bytes, for room, for a turn") {
  Checked house;
  house.rt.block_on([] {
    auto [client, server] = connect();
    std::optional<net::TcpStream> stream(std::move(client));
    fill(*stream);
    const auto reads = [&] { return os_error_of([&] { read_some(*stream); }); };
    const auto writes = [&] { return os_error_of([&] { stream->write("x", 1); }); };
    auto reader = start(reads), second_reader = start(reads);
    auto writer = start(writes), second_writer = start(writes);
    const int fd = stream->fd();
    auto outsider = start([fd] { return os_error_of([fd] { io::wait_readable(fd); }); });
    test::SleepingThread thread([&] { CHECK(reads() == EBADF); });
    CHECK(eventually([&] { return thread.is_asleep_in_a_lock(); }));
    stream.reset();
    for (auto* each : {&reader, &second_reader, &writer, &second_writer, &outsider}) CHECK(each->join() == EBADF);
    thread.join();
  });
}

TEST_CASE("destroying a stream fails a plain thread that waits in poll, and a listener likewise") {
  const Limits limits;
  std::optional<net::TcpStream> stream(connect().client);
  std::optional<net::TcpListener> listener(net::TcpListener::bind("127.0.0.1:0"));
  auto [client, server] = connect();
  stream.emplace(std::move(client));
  test::SleepingThread reader([&] { CHECK(os_error_of([&] { read_some(*stream); }) == EBADF); });
  test::SleepingThread acceptor([&] { CHECK(os_error_of([&] { listener->accept(); }) == EBADF); });
  CHECK(eventually([&] { return reader.is_asleep() && acceptor.is_asleep(); }));
  stream.reset();
  listener.reset();
  reader.join();
  acceptor.join();
}

TEST_CASE("a cancelled reader leaves the bytes, and its place, to the next one") {
  Checked house;
  house.rt.block_on([] {
    const auto [client, server] = connect();
    auto first = start([&server = server] { return read_some(server); });
    auto second = start([&server = server] { return read_some(server); });
    auto third = start([&server = server] { return read_some(server); });
    second.abort();
    CHECK_THROWS_AS(second.join(), JoinError);
    client.write_all("for the third");
    first.abort();
    CHECK_THROWS_AS(first.join(), JoinError);
    CHECK(third.join() == "for the third");
  });
}

TEST_CASE("a timeout ends a connect, an accept and a read") {
  Checked house;
  house.rt.block_on([] {
    const auto [client, server] = connect();
    const auto listener = net::TcpListener::bind("127.0.0.1:0");
    CHECK_THROWS_AS(runtime::timeout(1ms, [&] { listener.accept(); }), runtime::Elapsed);
    CHECK_THROWS_AS(runtime::timeout(1ms, [&server = server] { read_some(server); }), runtime::Elapsed);
  });
}

TEST_CASE("destructors that run while a task is cancelled may still read and write") {
  Checked house;
  house.rt.block_on([] {
    const auto [client, server] = connect();
    auto task = start([&server = server] {
      const AtExit farewell([&server] {
        server.write_all("bye?");
        CHECK(read_some(server) == "bye!");
      });
      wait_for_ever();
    });
    task.abort();
    CHECK(read_some(client) == "bye?");
    client.write_all("bye!");
    task.wait();
  });
}

TEST_CASE("refused, reset, and writing to a peer that has gone are errors with the right errno, and no signal") {
  Checked house;
  house.rt.block_on([] {
    const auto port = net::TcpListener::bind("127.0.0.1:0").local_addr();  // nobody listens there any more
    CHECK(os_error_of([&] { net::TcpStream::connect(port); }) == ECONNREFUSED);
    auto [client, server] = connect();
    const linger at_once{1, 0};
    REQUIRE(::setsockopt(server.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    auto reader = start([&client = client] { return os_error_of([&] { read_some(client); }); });
    { const auto gone = std::move(server); }
    CHECK(reader.join() == ECONNRESET);
    CHECK(os_error_of([&client = client] { client.write_all("x"); }) == EPIPE);
    client.shutdown(SHUT_RDWR);  // of what is connected no more: no error
  });
}

TEST_CASE("accept says EMFILE, does not spin in a loop that tries again, and recovers") {
  Checked house;
  house.rt.block_on([] {
    const auto listener = net::TcpListener::bind("127.0.0.1:0");
    const auto client = net::TcpStream::connect(listener.local_addr());
    rlimit before;
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    std::vector<int> taken;
    for (int fd; (fd = ::dup(client.fd())) >= 0;) {
      taken.push_back(fd);
      if (taken.size() == 64) {
        const rlimit full{static_cast<rlim_t>(fd) + 1, before.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &full) == 0);
      }
    }
    int failures = 0;
    auto server = start([&] {
      for (;;) {
        net::SocketAddr peer;
        const int error = os_error_of([&] { peer = listener.accept().second; });
        CHECK((error != 0 || peer == client.local_addr()));
        if (error == 0) return;
        CHECK(error == EMFILE);
        ++failures;
      }
    });
    runtime::sleep_for(50ms);
    CHECK(failures >= 1);
    CHECK(failures <= 100);  // without the pause it would be tens of thousands
    for (const int fd : taken) ::close(fd);
    server.join();
    CHECK(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  });
}

TEST_CASE("a runtime without I/O refuses, and names the way out") {
  Checked house(Builder().enable_io(false));
  const auto outside = connect();
  house.rt.block_on([&] {
    CHECK(code_of([] { net::TcpListener::bind("127.0.0.1:0"); }) == Errc::io_disabled);
    CHECK(code_of([] { net::TcpStream::connect("127.0.0.1:1"); }) == Errc::io_disabled);
    CHECK(code_of([&] { read_some(outside.client); }) == Errc::io_disabled);
    CHECK(code_of([&] { outside.client.write_all("x"); }) == Errc::io_disabled);
    CHECK(code_of([&] { io::wait_readable(outside.client.fd()); }) == Errc::io_disabled);
  });
}

TEST_CASE("each call costs a unit of the budget, so that a chatty pair does not keep the others from running") {
  Checked house(Builder().coop_budget(8));
  house.rt.block_on([] {
    const auto [client, server] = connect();
    bool other_ran = false;
    auto other = runtime::spawn_local([&] { other_ran = true; });
    int rounds = 0;
    for (; !other_ran && rounds < 1000; ++rounds) {
      client.write_all("x");
      read_some(server);
    }
    CHECK(rounds < 1000);
    other.join();
  });
}

TEST_CASE("a task that gives way before its call has no turn meanwhile, so its thread may use the socket, too") {
  Checked house(Builder().coop_budget(1));
  const auto [client, server] = connect();
  auto writer = house.rt.block_on([&client = client] {
    auto handle = runtime::spawn_local([&client] {
      for (int i = 0; i < 1000; ++i) client.write_all("f");  // each but the first after giving way
    });
    runtime::yield_now();
    return handle;
  });
  REQUIRE_FALSE(writer.is_finished());
  client.write_all("t");
  house.rt.block_on([&] { writer.join(); });
  std::string all(1001, '\0');
  server.read_exact(all.data(), all.size());
  CHECK(std::count(all.begin(), all.end(), 'f') == 1000);
}

TEST_CASE("what was moved from says so") {
  const Limits limits;
  auto [client, server] = connect();
  const auto elsewhere = std::move(client);
  CHECK(code_of([&client = client] { read_some(client); }) == Errc::invalid_argument);
  CHECK(client.fd() == -1);
  net::TcpStream& itself = server;
  server = std::move(itself);
  CHECK(server.fd() >= 0);
  elsewhere.set_nodelay(true);
  CHECK(elsewhere.nodelay());
  elsewhere.set_nodelay(false);
  CHECK_FALSE(elsewhere.nodelay());
}
