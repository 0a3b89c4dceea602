// Terminals, which know neither RWF_NOWAIT nor one rule for the end of a read.

#include <termios.h>

#include "posix_support.hpp"

using namespace posix_test;

TEST_CASE_FIXTURE(Limits, "a terminal is read by lines, or as VMIN and VTIME say, and written to the end") {
  const Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  REQUIRE(::grantpt(master) == 0);
  REQUIRE(::unlockpt(master) == 0);
  const Fd terminal(::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC));
  termios settings{};
  REQUIRE(::tcgetattr(terminal, &settings) == 0);
  settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  settings.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  const auto set_raw = [&](cc_t bytes, cc_t tenths) {
    settings.c_lflag &= ~static_cast<tcflag_t>(ICANON);
    settings.c_cc[VMIN] = bytes;
    settings.c_cc[VTIME] = tenths;
    REQUIRE(::tcsetattr(terminal, TCSANOW, &settings) == 0);
  };
  REQUIRE(::tcsetattr(terminal, TCSANOW, &settings) == 0);
  char buffer[64] = {};
  const auto read = [&](std::size_t size) { return say([&] { return runtime_read(terminal, buffer, size); }); };
  const auto type = [&](const char* text) { CHECK(::write(master, text, std::char_traits<char>::length(text)) > 0); };

  SUBCASE("lines") {
    on_fiber([&] {
      auto reader = runtime::spawn_local([&] { return read(64); });
      type("abc");
      settle();
      CHECK_FALSE(reader.is_finished());
      type("d\n");
      CHECK(reader.join() == done(5));
    });
  }
  SUBCASE("VMIN 0, VTIME 0: what there is, at once") {
    set_raw(0, 0);
    CHECK(on_fiber([&] { return read(64); }) == done(0));
    type("ab");
    CHECK(on_fiber([&] { return read(64); }) == done(2));
  }
  SUBCASE("VMIN 0, VTIME 1: one byte, or a tenth of a second") {
    set_raw(0, 1);
    CHECK(on_fiber([&] { return read(64); }) == done(0));
    on_fiber([&] {
      auto reader = runtime::spawn_local([&] { return read(64); });
      type("a");
      CHECK(reader.join() == done(1));
    });
  }
  SUBCASE("VMIN 4: four bytes, or as many as were asked for") {
    set_raw(4, 0);
    on_fiber([&] {
      auto reader = runtime::spawn_local([&] { return read(64); });
      type("abc");
      settle();
      CHECK_FALSE(reader.is_finished());
      type("d");
      CHECK(reader.join() == done(4));
      auto small = runtime::spawn_local([&] { return read(2); });
      type("e");
      settle();
      CHECK_FALSE(small.is_finished());
      type("f");
      CHECK(small.join() == done(2));
    });
  }
  SUBCASE("VMIN 4, VTIME 1: what has come when a tenth of a second brought no more") {
    set_raw(4, 1);
    on_fiber([&] {
      auto reader = runtime::spawn_local([&] { return read(64); });
      settle();
      type("ab");
      CHECK(reader.join() == done(2));
    });
  }
  SUBCASE("a cancelled read keeps what it has") {
    set_raw(4, 0);
    on_fiber([&] {
      auto reader = runtime::spawn_local([&] { return read(64); });
      type("ab");
      settle();
      reader.abort();
      CHECK(reader.join() == done(2));
      auto empty = runtime::spawn_local([&] { return read(64); });
      settle();
      empty.abort();
      CHECK(empty.join() == failed(ECANCELED));
    });
  }
  SUBCASE("much output, slowly taken") {
    const std::string text(300'000, 'x');
    on_fiber([&] {
      auto writer =
          runtime::spawn_local([&] { return say([&] { return runtime_write(terminal, text.data(), text.size()); }); });
      settle();
      CHECK_FALSE(writer.is_finished());
      std::size_t got = 0;
      while (got < text.size()) {
        char piece[4096];
        const ssize_t n = runtime_read(master, piece, sizeof piece);
        CHECK(n > 0);
        if (n <= 0) break;
        got += static_cast<std::size_t>(n);
      }
      CHECK(writer.join() == done(300'000));
    });
  }
  CHECK_FALSE(is_nonblocking(terminal));
  CHECK_FALSE(is_nonblocking(master));
}
