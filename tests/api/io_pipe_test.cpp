// Pipes on fibers and plain threads, and the signal that nobody gets.

#include <csignal>

#include "last_page.hpp"
#include "net_support.hpp"

using namespace net_test;

namespace {

bool is_sigpipe_pending() {
  sigset_t pending;
  ::sigpending(&pending);
  return ::sigismember(&pending, SIGPIPE) == 1;
}

bool is_sigpipe_blocked() {
  sigset_t blocked;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  return ::sigismember(&blocked, SIGPIPE) == 1;
}

}  // namespace

TEST_CASE("what is written into a pipe comes out of it, to its end") {
  Checked house;
  house.rt.block_on([] {
    auto [reader, writer] = io::pipe();
    char word[5];
    CHECK(writer.write("ab", 2) == 2);
    writer.write_all("cde");
    CHECK(reader.read_exact(word, 5) == 5);
    CHECK(std::string(word, 5) == "abcde");
    auto reading = start([&reader = reader] { return read_some(reader); });
    CHECK_FALSE(reading.is_finished());
    writer.write_all("x");
    CHECK(reading.join() == "x");
    writer.write_all("12");
    { const auto gone = std::move(writer); }
    CHECK(code_of([&reader = reader, &word] { reader.read_exact(word, 3); }) == Errc::unexpected_end);
    CHECK(read_some(reader).empty());
    CHECK(code_of([&writer = writer] { writer.write("x", 1); }) == Errc::invalid_argument);
  });
}

TEST_CASE("a size that no buffer has moves what there is") {
  const auto test = [] {
    const LastPage page;
    auto [reader, writer] = io::pipe();
    for (const std::size_t size : kTooMuch) {
      CHECK(writer.write(page.data(), size) == page.size());
      CHECK(reader.read(page.data(), size) == page.size());
    }
  };
  Checked house;
  house.rt.block_on(test);
  test();
}

TEST_CASE("a fiber and a plain thread push much through a pipe") {
  Checked house;
  auto [reader, writer] = io::pipe();
  const std::string much(3 << 20, 'm');
  std::thread thread([&, &writer = writer] {
    writer.write_all(much);
    const auto gone = std::move(writer);
  });
  std::string got;
  house.rt.block_on([&, &reader = reader] {
    for (std::string piece; !(piece = read_some(reader, 10'000)).empty();) got += piece;
  });
  thread.join();
  CHECK(got == much);
}

TEST_CASE("writing to a pipe without readers is EPIPE, and no SIGPIPE") {
  Checked house;
  const auto write = [] {
    auto [reader, writer] = io::pipe();
    { const auto gone = std::move(reader); }
    CHECK(os_error_of([&writer = writer] { writer.write_all("x"); }) == EPIPE);
    CHECK_FALSE(is_sigpipe_pending());
    CHECK_FALSE(is_sigpipe_blocked());
  };
  write();
  house.rt.block_on(write);
}

TEST_CASE("a SIGPIPE that the program holds back stays its own") {
  const Limits limits;
  sigset_t sigpipe, before;
  ::sigemptyset(&sigpipe);
  ::sigaddset(&sigpipe, SIGPIPE);
  REQUIRE(::pthread_sigmask(SIG_BLOCK, &sigpipe, &before) == 0);
  auto [reader, writer] = io::pipe();
  { const auto gone = std::move(reader); }
  CHECK(os_error_of([&writer = writer] { writer.write("x", 1); }) == EPIPE);
  CHECK_FALSE(is_sigpipe_pending());
  REQUIRE(::raise(SIGPIPE) == 0);
  CHECK(os_error_of([&writer = writer] { writer.write("x", 1); }) == EPIPE);
  CHECK(is_sigpipe_pending());
  int taken = 0;
  CHECK(::sigwait(&sigpipe, &taken) == 0);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("an end that is destroyed fails whoever waits in it; a cancelled wait loses nothing") {
  Checked house;
  house.rt.block_on([] {
    auto [reader, writer] = io::pipe();
    std::optional<io::PipeReader> end(std::move(reader));
    auto cancelled = start([&] { return read_some(*end); });
    cancelled.abort();
    CHECK_THROWS_AS(cancelled.join(), JoinError);
    fill(writer);
    auto waiting = start([&writer = writer] { return os_error_of([&] { writer.write("x", 1); }); });
    CHECK_FALSE(waiting.is_finished());
    { const auto gone = std::move(writer); }
    CHECK(waiting.join() == EBADF);
    while (!read_some(*end, 100'000).empty()) {
    }
  });
}
