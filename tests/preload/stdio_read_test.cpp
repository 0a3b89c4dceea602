// stdio in fibers, reading: it parks, gives what a thread gets, and can be cancelled.

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <cstring>
#include <cwchar>
#include <memory>
#include <string>
#include <pty.h>

#include "api/posix_support.hpp"

using namespace posix_test;

extern "C" char* __fgets_chk(char* into, std::size_t room, int count, FILE* file);
extern "C" std::size_t __fread_chk(void* into, std::size_t room, std::size_t size, std::size_t count, FILE* file);
extern "C" int __uflow(FILE* file);

namespace {

struct Close {
  void operator()(FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<FILE, Close>;

/// A pipe whose reading end is a stream.
struct Source {
  explicit Source(int buffering = _IOFBF) {
    Pair p = make_pipe();
    out = std::move(p.b);
    in.reset(::fdopen(p.a.release(), "r"));
    if (buffering == _IONBF) std::setvbuf(in.get(), nullptr, buffering, 0);
  }
  void write(const char* text) const {
    CHECK(::write(out, text, std::strlen(text)) == static_cast<ssize_t>(std::strlen(text)));
  }
  Fd out;
  File in;
};

/// What a reader says in one line: its text, in which the parts of `written` arrive one after the other.
template <class Read>
std::string read_in_parts(int buffering, const std::vector<const char*>& written, Read read) {
  Source source(buffering);
  std::string text;
  const auto call = [&] {
    text = read(source.in.get());
    return ssize_t{0};
  };
  const Said said = parked(call, [&] {
    for (const char* part : written) {
      source.write(part);
      settle();
    }
    source.out.reset();
  });
  CHECK(said.result == 0);
  return text;
}

std::string text_of(const char* text) { return text == nullptr ? "(null)" : text; }

struct Reader {
  const char* name;
  std::string expected;
  std::string (*read)(FILE*);
};

const Reader kReaders[] = {
    {"fgetc", "ab",
     [](FILE* f) {
       return std::string{char(std::fgetc(f)), char(std::getc(f))};
     }},
    {"getc_unlocked", "ab",
     [](FILE* f) {
       return std::string{char(::getc_unlocked(f)), char(::fgetc_unlocked(f))};
     }},
    {"__uflow", "a", [](FILE* f) { return std::string{char(::__uflow(f))}; }},
    {"fgets", "abcd\n",
     [](FILE* f) {
       char s[64];
       return text_of(std::fgets(s, sizeof s, f));
     }},
    {"fgets, short", "abc",
     [](FILE* f) {
       char s[4];
       return text_of(std::fgets(s, sizeof s, f));
     }},
    {"fgets_unlocked", "abcd\n",
     [](FILE* f) {
       char s[64];
       return text_of(::fgets_unlocked(s, sizeof s, f));
     }},
    {"__fgets_chk", "abcd\n",
     [](FILE* f) {
       char s[64];
       return text_of(::__fgets_chk(s, sizeof s, 64, f));
     }},
    {"fread", "abcd\n1",
     [](FILE* f) {
       char s[7]{};
       return std::to_string(std::fread(s, 2, 3, f)) == "3" ? text_of(s) : "?";
     }},
    {"fread to the end", "9",
     [](FILE* f) {
       char s[99];
       const auto n = std::fread(s, 1, 99, f);
       return std::to_string(n) + (feof(f) ? "" : "?");
     }},
    {"__fread_chk", "abc",
     [](FILE* f) {
       char s[4]{};
       return ::__fread_chk(s, 4, 1, 3, f) == 3 ? text_of(s) : "?";
     }},
    {"getw", "4",
     [](FILE* f) {
       const int w = ::getw(f);
       return std::to_string(std::memcmp(&w, "abcd", 4) == 0 ? 4 : 0);
     }},
    {"getline", "abcd\n5",
     [](FILE* f) {
       char* s = nullptr;
       std::size_t room = 0;
       const ssize_t n = ::getline(&s, &room, f);
       std::string text = text_of(s) + std::to_string(n);
       std::free(s);
       return text;
     }},
    {"getdelim", "abcd\n12 4",
     [](FILE* f) {
       char* s = nullptr;
       std::size_t room = 0;
       const ssize_t n = ::getdelim(&s, &room, '4', f);
       std::string text = n == 9 ? text_of(s) : "?";
       std::free(s);
       return text;
     }},
    {"ungetc, fgets", "Xbcd\n",
     [](FILE* f) {
       std::fgetc(f);
       std::ungetc('X', f);
       char s[64];
       return text_of(std::fgets(s, sizeof s, f));
     }},
    {"fscanf and the rest", "abcd 12 | 4",
     [](FILE* f) {
       char word[16]{}, rest[16]{};
       int number = 0;
       if (std::fscanf(f, "%15s %d", word, &number) != 2) return std::string("?");
       return std::string(word) + ' ' + std::to_string(number) + " |" + text_of(std::fgets(rest, sizeof rest, f));
     }},
    {"a second scan fails at the same place", "1 0 4",
     [](FILE* f) {
       int number = 0;
       char word[8]{};
       const int first = std::fscanf(f, "abcd %d", &number);
       const int second = std::fscanf(f, " x%d", &number);
       return std::to_string(first) + ' ' + std::to_string(second) + ' ' +
              (std::fscanf(f, "%7s", word) == 1 ? word : "?");
     }},
};

}  // namespace

TEST_CASE_FIXTURE(Limits, "every reader parks while its text comes in parts") {
  for (const Reader& reader : kReaders) {
    for (const int buffering : {_IOFBF, _IONBF}) {
      CAPTURE(reader.name);
      CAPTURE(buffering);
      CHECK(read_in_parts(buffering, {"a", "bc", "d\n1", "2 4"}, reader.read) == reader.expected);
    }
  }
}

TEST_CASE_FIXTURE(Limits, "a thread, and a fiber that need not wait, get the same") {
  for (const Reader& reader : kReaders) {
    CAPTURE(reader.name);
    const auto read = [&] {
      Source source;
      source.write("abcd\n12 4");
      source.out.reset();
      return reader.read(source.in.get());
    };
    const std::string on_thread = read();
    CHECK(on_thread == reader.expected);
    CHECK(on_fiber(read) == on_thread);
    const auto read_file = [&] {
      const File file(std::tmpfile());
      std::fputs("abcd\n12 4", file.get());
      std::rewind(file.get());
      return reader.read(file.get());
    };
    CHECK(on_fiber(read_file) == read_file());
  }
}

TEST_CASE_FIXTURE(Limits, "two fibers on one stream get whole lines") {
  const Source source;
  std::vector<std::string> lines;
  on_fiber([&] {
    const auto read = [&] {
      for (int i = 0; i < 2; ++i) {
        char line[32];
        lines.push_back(text_of(std::fgets(line, sizeof line, source.in.get())));
      }
    };
    auto first = runtime::spawn_local(read);
    auto second = runtime::spawn_local(read);
    for (const char* part : {"o", "ne\nt", "wo", "\nthree\nfou", "r\n"}) {
      settle();
      source.write(part);
    }
    first.join();
    second.join();
  });
  REQUIRE(lines.size() == 4);
  std::sort(lines.begin(), lines.end());
  CHECK(lines == std::vector<std::string>{"four\n", "one\n", "three\n", "two\n"});
}

TEST_CASE_FIXTURE(Limits, "scans on two streams, interleaved, leave the thread as it was") {
  const Source first, second;
  int numbers[2]{};
  on_fiber([&] {
    auto one = runtime::spawn_local([&] { CHECK(std::fscanf(first.in.get(), "%d", &numbers[0]) == 1); });
    auto two = runtime::spawn_local([&] { CHECK(std::fscanf(second.in.get(), "%d", &numbers[1]) == 1); });
    settle();
    first.write("1 ");  // the one that began first ends first
    one.join();
    second.write("2 ");
    two.join();
  });
  CHECK(numbers[0] == 1);
  CHECK(numbers[1] == 2);
}

TEST_CASE_FIXTURE(Limits, "a cancelled reader gets an error") {
  for (const char* begun : {"", "begun"}) {
    const Source source;
    source.write(begun);
    char line[32];
    const Said said = aborted([&] { return std::fgets(line, sizeof line, source.in.get()) == nullptr ? -1 : 0; });
    CHECK(said == failed(ECANCELED));
    CHECK(std::ferror(source.in.get()));
    std::clearerr(source.in.get());
    source.write("x\n");
    CHECK(text_of(std::fgets(line, sizeof line, source.in.get())) == "x\n");
  }
  const Source source;
  int number;
  CHECK(aborted([&] { return std::fscanf(source.in.get(), "%d", &number); }) == failed(ECANCELED));
}

TEST_CASE_FIXTURE(Limits, "a stream that the program made non-blocking fails at once") {
  const Source source;
  set_nonblocking(::fileno(source.in.get()));
  CHECK(on_fiber([&] { return say([&] { return std::fgetc(source.in.get()); }); }) == failed(EAGAIN));
}

TEST_CASE_FIXTURE(Limits, "streams in memory are the C library's") {
  char text[] = "one\ntwo\n";
  CHECK(on_fiber([&] {
          const File file(::fmemopen(text, sizeof text - 1, "r"));
          char line[16];
          int c = 0;
          std::string all = text_of(std::fgets(line, sizeof line, file.get()));
          while ((c = std::fgetc(file.get())) != EOF) all += static_cast<char>(c);
          return all;
        }) == text);
}

TEST_CASE_FIXTURE(Limits, "wide lines park, in the middle of a character, too") {
  REQUIRE(std::setlocale(LC_ALL, "C.UTF-8") != nullptr);
  const Source source;
  std::wstring text;
  const auto call = [&] {
    wchar_t line[16];
    text = std::fgetws(line, 16, source.in.get()) != nullptr ? line : L"?";
    text += static_cast<wchar_t>(std::fgetwc(source.in.get()));
    return 0;
  };
  CHECK(parked(call, [&] {
          for (const char* part : {"a\u00e4\xe2", "\x82\xac\n"}) {
            source.write(part);
            settle();
          }
          source.write("b");
        }) == done(0));
  // (Not as strings: Valgrind does not know how the C library compares wide ones.)
  CHECK(std::vector<wchar_t>(text.begin(), text.end()) ==
        std::vector<wchar_t>{L'a', L'\u00e4', L'\u20ac', L'\n', L'b'});
  std::setlocale(LC_ALL, "C");
}

TEST_CASE_FIXTURE(Limits, "stdin of a terminal parks") {
  int controller, terminal;
  REQUIRE(::openpty(&controller, &terminal, nullptr, nullptr, nullptr) == 0);
  const Fd ours(controller), theirs(terminal);
  const Fd before(::dup(STDIN_FILENO));
  ::dup2(theirs, STDIN_FILENO);
  std::string name;
  int number = 0;
  const Said said = parked(
      [&] {
        char word[16];
        const int first = std::getchar();
        const int got = std::scanf("%15s %d", word, &number);
        name = std::string(1, static_cast<char>(first)) + word;
        return got;
      },
      [&] {
        CHECK(::write(ours, "ada", 3) == 3);
        settle();
        CHECK(::write(ours, " 4", 2) == 2);
        CHECK(::write(ours, "2\n", 2) == 2);
      });
  ::dup2(before, STDIN_FILENO);
  std::clearerr(stdin);
  CHECK(said == done(2));
  CHECK(name == "ada");
  CHECK(number == 42);
}
