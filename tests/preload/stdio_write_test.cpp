// stdio in fibers, writing: it parks while nobody reads, keeps texts whole, and can be cancelled.

#include <clocale>
#include <cstdio>
#include <cstring>
#include <cwchar>
#include <string>
#include <thread>

#include "api/posix_support.hpp"

using namespace posix_test;

extern "C" int __fprintf_chk(FILE* file, int flag, const char* format, ...);
extern "C" int __overflow(FILE* file, int byte);

namespace {

/// A pipe whose writing end is a stream.
struct Sink {
  explicit Sink(int buffering = _IOFBF) {
    Pair p = make_pipe();
    in = std::move(p.a);
    out = ::fdopen(p.b.release(), "w");
    std::setvbuf(out, nullptr, buffering, buffering == _IONBF ? 0 : 64);
  }
  ~Sink() {
    if (out != nullptr) std::fclose(out);
  }
  void fill() const { filled = posix_test::fill(::fileno(out)); }
  /// All that has come behind what fill() wrote, until the end.
  std::string read_all() const {
    std::string text;
    char room[4096];
    for (ssize_t n; (n = ::read(in, room, sizeof room)) > 0;) text.append(room, static_cast<std::size_t>(n));
    return text.substr(filled);
  }
  Fd in;
  FILE* out;
  mutable std::size_t filled = 0;
};

/// What is there, without waiting.
std::string read_now(int fd) {
  std::string text;
  char room[4096];
  set_nonblocking(fd);
  for (ssize_t n; (n = ::read(fd, room, sizeof room)) > 0;) text.append(room, static_cast<std::size_t>(n));
  set_nonblocking(fd, false);
  return text;
}

bool is_readable(int fd) {
  pollfd asked{fd, POLLIN, 0};
  return ::poll(&asked, 1, 0) == 1;
}

struct Writer {
  const char* name;
  std::string expected;
  int (*write)(FILE*);
};

const Writer kWriters[] = {
    {"fputc", "a\n", [](FILE* f) { return std::fputc('a', f) == 'a' && std::putc('\n', f) == '\n' ? 0 : -1; }},
    {"putc_unlocked", "a\n",
     [](FILE* f) { return ::putc_unlocked('a', f) == 'a' && ::__overflow(f, '\n') == '\n' ? 0 : -1; }},
    {"fputs", "a line\n", [](FILE* f) { return std::fputs("a line\n", f) >= 0 ? 0 : -1; }},
    {"a line and more", "one\ntwo", [](FILE* f) { return std::fputs("one\ntwo", f) >= 0 ? 0 : -1; }},
    {"fwrite", "abcdef", [](FILE* f) { return std::fwrite("abcdef", 2, 3, f) == 3 ? 0 : -1; }},
    {"fwrite, long", std::string(1000, 'x'),
     [](FILE* f) { return std::fwrite(std::string(1000, 'x').data(), 1, 1000, f) == 1000 ? 0 : -1; }},
    {"fprintf", "7 seven\n", [](FILE* f) { return std::fprintf(f, "%d %s\n", 7, "seven") == 8 ? 0 : -1; }},
    {"__fprintf_chk", "7\n", [](FILE* f) { return ::__fprintf_chk(f, 1, "%d\n", 7) == 2 ? 0 : -1; }},
    {"dprintf", "7 seven\n", [](FILE* f) { return ::dprintf(::fileno(f), "%d %s\n", 7, "seven") == 8 ? 0 : -1; }},
    {"putw", std::string("\1\0\0\0", 4), [](FILE* f) { return ::putw(1, f); }},
};

}  // namespace

TEST_CASE_FIXTURE(Limits, "every writer parks while nobody reads, however the stream is buffered") {
  for (const Writer& writer : kWriters) {
    for (const int buffering : {_IOFBF, _IOLBF, _IONBF}) {
      CAPTURE(writer.name);
      CAPTURE(buffering);
      Sink sink(buffering);
      sink.fill();
      std::string got;
      const auto call = [&] {
        const int written = writer.write(sink.out);
        const int closed = std::fclose(std::exchange(sink.out, nullptr));
        return written == 0 && closed == 0 ? 0 : -1;
      };
      CHECK(parked(call, [&] { got = sink.read_all(); }).result == 0);
      CHECK(got == writer.expected);
    }
  }
}

TEST_CASE_FIXTURE(Limits, "a thread writes the same") {
  for (const Writer& writer : kWriters) {
    CAPTURE(writer.name);
    const auto write = [&] {
      Sink sink;
      CHECK(writer.write(sink.out) == 0);
      std::fclose(std::exchange(sink.out, nullptr));
      return sink.read_all();
    };
    CHECK(write() == writer.expected);
    CHECK(on_fiber(write) == writer.expected);
  }
}

TEST_CASE_FIXTURE(Limits, "what fits into the buffer stays there until the flush") {
  const Sink sink;
  on_fiber([&] {
    std::fputs("some", sink.out);
    CHECK_FALSE(is_readable(sink.in));
    CHECK(std::fflush(sink.out) == 0);
    CHECK(is_readable(sink.in));
  });
}

TEST_CASE_FIXTURE(Limits, "long texts of two fibers on one stream stay whole") {
  Sink sink;
  sink.fill();
  const std::string ones(100'000, '1'), twos(100'000, '2');
  std::string got;
  on_fiber([&] {
    const auto write = [&](const std::string& text) {
      return runtime::spawn_local([&] { CHECK(std::fputs(text.c_str(), sink.out) >= 0); });
    };
    auto first = write(ones);
    auto second = write(twos);
    settle();
    std::thread reader([&] { got = sink.read_all(); });
    first.join();
    second.join();
    CHECK(std::fclose(std::exchange(sink.out, nullptr)) == 0);
    reader.join();
  });
  CHECK((got == ones + twos || got == twos + ones));
}

TEST_CASE_FIXTURE(Limits, "a cancelled writer gets an error, and the stream goes on") {
  Sink sink;
  sink.fill();
  CHECK(aborted([&] {
          std::fputs("lost", sink.out);
          return std::fflush(sink.out);
        }) == failed(ECANCELED));
  CHECK(std::ferror(sink.out));
  char room[65536];
  CHECK(::read(sink.in, room, sizeof room) > 0);
  sink.filled -= sizeof room;
  CHECK(std::fputs("kept", sink.out) >= 0);
  CHECK(std::fclose(std::exchange(sink.out, nullptr)) == 0);
  CHECK(sink.read_all() == "kept");
}

TEST_CASE_FIXTURE(Limits, "flushing all streams does not wait for a thread that reads from one") {
  const Pair p = make_pipe();
  FILE* in = ::fdopen(::dup(p.a), "r");
  Sink sink;
  std::thread reader([&] {
    char line[8];
    CHECK(std::fgets(line, sizeof line, in) != nullptr);
  });
  sink.fill();
  std::string got;
  const Said said = parked(
      [&] {
        std::fputs("flushed", sink.out);
        return std::fflush(nullptr);
      },
      [&] {
        char room[65536];
        CHECK(::read(sink.in, room, sizeof room) > 0);
        sink.filled -= sizeof room;
      });
  CHECK(said == done(0));
  CHECK(::write(p.b, "end\n", 4) == 4);
  reader.join();
  std::fclose(in);
  CHECK(std::fclose(std::exchange(sink.out, nullptr)) == 0);
  CHECK(sink.read_all() == "flushed");
}

TEST_CASE_FIXTURE(Limits, "a closed stream ends the wait for its descriptor, on a thread, too") {
  Pair p = make_pipe();
  FILE* in = ::fdopen(p.a.release(), "r");
  char byte;
  const int fd = ::fileno(in);
  CHECK(parked([&] { return ::read(fd, &byte, 1); }, [&] { std::fclose(in); }) == failed(EBADF));
  Pair other = make_pipe();
  FILE* on_thread = ::fdopen(other.a.release(), "r");
  const int its_fd = ::fileno(on_thread);
  CHECK(parked([&] { return ::read(its_fd, &byte, 1); },
               [&] { std::thread([&] { std::fclose(on_thread); }).join(); }) == failed(EBADF));
}

TEST_CASE_FIXTURE(Limits, "wide text parks while nobody reads, however the stream is buffered") {
  REQUIRE(std::setlocale(LC_ALL, "C.UTF-8") != nullptr);
  const std::wstring long_text(3000, L'\u20ac');
  std::string expected = "\u00e4\n7 seven\n";
  for (int i = 0; i < 3000; ++i) expected += "\u20ac";
  const auto write = [&](FILE* out) {
    const bool written = std::fputwc(L'\u00e4', out) != WEOF && std::fputws(L"\n", out) >= 0 &&
                         std::fwprintf(out, L"%d %ls\n", 7, L"seven") == 8 && std::fputws(long_text.c_str(), out) >= 0;
    return written && std::fclose(out) == 0 ? 0 : -1;
  };
  for (const int buffering : {_IOFBF, _IOLBF, _IONBF}) {
    CAPTURE(buffering);
    Sink sink(buffering);
    sink.fill();
    std::string got;
    std::thread reader;
    CHECK(parked([&] { return write(std::exchange(sink.out, nullptr)); },
                 [&] { reader = std::thread([&] { got = sink.read_all(); }); }) == done(0));
    reader.join();
    CHECK(got == expected);
  }
  std::setlocale(LC_ALL, "C");
}

TEST_CASE_FIXTURE(Limits, "what goes to stdout and stderr parks, too") {
  Pair p = make_pipe();
  std::fflush(stdout);
  const Fd out(::dup(STDOUT_FILENO)), err(::dup(STDERR_FILENO));
  Said said{-1, 0};
  std::string text;
  {
    const std::size_t filled = fill(p.b);
    ::dup2(p.b, STDOUT_FILENO);
    ::dup2(p.b, STDERR_FILENO);
    const auto write = [] {
      std::puts("puts");
      std::putchar('\n');
      std::printf("%s\n", "printf");
      std::fflush(stdout);
      errno = ENOENT;
      std::perror("perror");
      return 0;
    };
    said = parked(write, [&] { text = read_now(p.a); });
    text += read_now(p.a);
    text.erase(0, filled);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
  }
  CHECK(said.result == 0);
  CHECK(text == "puts\n\nprintf\nperror: No such file or directory\n");
}
