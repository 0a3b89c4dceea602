// What the runtime remembers of a socket's readiness between two calls, so as to ask the kernel less: whatever happens
// in between, by whomever, no reader waits for what is there already.

#include <cerrno>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include <runtime/posix.h>

#include "net_support.hpp"

using namespace net_test;
using namespace std::chrono_literals;

namespace {

/// A read that found less than it wanted: from here on the next one waits without trying.
void empty(const Connection& c, const char* text = "a word") {
  c.client.write_all(text);
  CHECK(read_some(c.server) == text);
}

/// With a deadline, so that a wait for nothing is an error and not a hang.
std::string read_soon(const net::TcpStream& stream, std::size_t most = 64) {
  return runtime::timeout(20s, [&] { return read_some(stream, most); });
}

}  // namespace

TEST_CASE("the end is found behind the last bytes, whether it comes with them or after them") {
  Checked house;
  house.rt.block_on([] {
    for (const bool comes_with_them : {true, false}) {
      for (const bool was_waited_for : {true, false}) {
        auto c = connect();
        if (was_waited_for) {
          auto reader = start([&] { return read_some(c.server); });
          c.client.write_all("x");
          CHECK(reader.join() == "x");
        }
        c.client.write_all("last");
        if (comes_with_them) c.client.shutdown(SHUT_WR);
        io::wait_readable(c.server.fd());
        CHECK(read_soon(c.server) == "last");
        if (!comes_with_them) c.client.shutdown(SHUT_WR);
        CHECK(read_soon(c.server) == "");
        CHECK(read_soon(c.server) == "");
      }
    }
  });
}

TEST_CASE("the end that arrives while a short read is under way, or reported, is not forgotten") {
  Checked house;
  house.rt.block_on([] {
    auto c = connect();
    empty(c);
    auto reader = start([&] { return read_some(c.server); });
    c.client.write_all("both at once");
    c.client.shutdown(SHUT_WR);  // one report tells of both
    CHECK(reader.join() == "both at once");
    CHECK(read_soon(c.server) == "");
  });
}

TEST_CASE("a reset behind the last bytes is an error, and not a wait") {
  Checked house;
  house.rt.block_on([] {
    auto c = connect();
    empty(c);
    auto reader = start([&] { return os_error_of([&] { read_some(c.server); }); });
    const linger at_once{1, 0};
    CHECK(::setsockopt(c.client.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    { const auto gone = std::move(c.client); }
    CHECK(runtime::timeout(20s, [&] { return reader.join(); }) == ECONNRESET);
  });
}

TEST_CASE("bytes that come while nobody waits, or whose waiter was cancelled, are there for the next read") {
  Checked house;
  house.rt.block_on([] {
    auto c = connect();
    empty(c);
    CHECK_THROWS_AS(runtime::timeout(1ms, [&] { read_some(c.server); }), runtime::Elapsed);
    c.client.write_all("one");
    runtime::sleep_for(2ms);
    CHECK(read_soon(c.server) == "one");

    auto cancelled = start([&] { read_some(c.server); });
    c.client.write_all("two");
    cancelled.abort();
    CHECK_THROWS_AS(cancelled.join(), runtime::JoinError);
    CHECK(read_soon(c.server) == "two");
    c.client.write_all("three and more");
    CHECK(read_soon(c.server, 5) == "three");  // not short: there may be more, and there is
    CHECK(read_soon(c.server) == " and more");
  });
}

TEST_CASE("urgent data stops a read short of what is behind it") {
  Checked house;
  house.rt.block_on([] {
    auto c = connect();
    empty(c);
    c.client.write_all("before");
    CHECK(::send(c.client.fd(), "!", 1, MSG_OOB) == 1);
    c.client.write_all("behind");
    runtime::sleep_for(2ms);
    CHECK(read_soon(c.server) == "before");
    CHECK(read_soon(c.server) == "behind");
  });
}

TEST_CASE("other calls on the same descriptor in between take nothing away") {
  Checked house;
  house.rt.block_on([] {
    auto c = connect();
    char bytes[64];
    for (int round = 0; round < 3; ++round) {
      empty(c);
      auto waiter = start([&] { io::wait_readable(c.server.fd()); });
      auto reader = start([&] { return read_some(c.server); });  // both wait for the same
      c.client.write_all("for both");
      CHECK(runtime::timeout(20s, [&] { return reader.join(); }) == "for both");
      c.client.write_all("more");  // the reader may have been faster than the waiter
      runtime::timeout(20s, [&] { waiter.join(); });
      CHECK(read_soon(c.server) == "more");

      auto by_posix = start([&] {
        pollfd look{c.server.fd(), POLLIN, 0};
        CHECK(::runtime_poll(&look, 1, 20'000) == 1);
        return ::runtime_recv(c.server.fd(), bytes, sizeof bytes, 0);
      });
      c.client.write_all("posix");
      CHECK(by_posix.join() == 5);
      c.client.write_all("peek");
      CHECK(runtime::timeout(20s, [&] { return c.server.peek(bytes, sizeof bytes); }) == 4);
      CHECK(runtime::timeout(20s, [&] { return c.server.peek(bytes, sizeof bytes); }) == 4);
      CHECK(read_soon(c.server) == "peek");
    }
  });
}

TEST_CASE("a reader does not forget while a writer begins to wait, nor the other way round") {
  Checked house;
  house.rt.block_on([] {
    auto c = connect();
    empty(c);
    auto reader = start([&] { return read_some(c.server); });
    fill(c.server);
    auto writer = start([&] { c.server.write_all("room?"); });
    c.client.write_all("for the reader");
    CHECK(runtime::timeout(20s, [&] { return reader.join(); }) == "for the reader");
    CHECK_FALSE(writer.is_finished());
    char bytes[65536];
    while (!writer.is_finished()) CHECK(runtime::timeout(20s, [&] { return c.client.read(bytes, sizeof bytes); }) > 0);
    writer.join();
    empty(c);
  });
}

TEST_CASE("shutting down and closing are seen though nobody waited") {
  Checked house;
  house.rt.block_on([] {
    auto c = connect();
    empty(c);
    c.server.shutdown(SHUT_RD);
    CHECK(read_soon(c.server) == "");

    auto behind_its_back = connect();
    empty(behind_its_back);
    const int number = behind_its_back.server.fd();
    const int kept = ::dup(number);
    CHECK(::runtime_close(number) == 0);
    CHECK(runtime::timeout(20s, [&] { return os_error_of([&] { read_some(behind_its_back.server); }); }) == EBADF);
    CHECK(::dup2(kept, number) == number);  // for the stream to close
    ::close(kept);
  });
}

TEST_CASE("two runtimes and a thread read one socket by turns, and each waits for what is new") {
  auto c = connect();
  const auto reads = [&c](const std::string& expected) { CHECK(read_soon(c.server) == expected); };
  // The other runtime's thread reads "two"; here are the first runtime, and in between a thread without any.
  auto [ask, asked] = runtime::sync::mpsc::channel<int>(1);
  auto answers = runtime::sync::mpsc::channel<int>(1);
  std::thread other([&reads, asked = std::move(asked), answer = std::move(answers.first)]() mutable {
    runtime::run([&] {
      while (asked.recv()) {
        reads("two");
        answer.send(0);
      }
    });
  });
  runtime::run([&, ask = std::move(ask)]() mutable {
    const auto here = std::move(ask);
    for (int round = 0; round < 20; ++round) {
      auto reader = start([&] { reads("one"); });
      c.client.write_all("one");
      reader.join();
      here.send(0);
      runtime::sleep_for(100us);
      c.client.write_all("two");
      CHECK(answers.second.recv_for(20s));
      c.client.write_all("thread");
      CHECK(runtime::spawn_blocking([&] { return read_some(c.server); }).join() == "thread");
    }
  });
  other.join();
}

TEST_CASE("a socket that is used elsewhere from now on wakes this runtime only a few times more") {
  Checked house;
  house.rt.block_on([&house] {
    auto c = connect();
    auto reader = start([&] { return read_some(c.server); });
    c.client.write_all("here");
    CHECK(reader.join() == "here");
    const auto before = house.rt.metrics().io_ready_count();
    runtime::spawn_blocking([&c] {
      for (int i = 0; i < 300; ++i) {
        c.client.write_all("elsewhere");
        CHECK(read_some(c.server) == "elsewhere");
        std::this_thread::yield();
      }
    }).join();
    CHECK(house.rt.metrics().io_ready_count() - before < 40);
    empty(c);  // and here again
    CHECK_THROWS_AS(runtime::timeout(1ms, [&] { read_some(c.server); }), runtime::Elapsed);
    empty(c);
  });
}

TEST_CASE("a number that comes again is another socket, of which nothing is remembered") {
  Checked house;
  house.rt.block_on([] {
    for (int round = 0; round < 5; ++round) {
      auto c = connect();  // with the numbers of the last one
      c.client.write_all("there before anybody waits");
      CHECK(read_soon(c.server) == "there before anybody waits");
      empty(c);
    }
  });
}
