// BufReader and BufWriter.

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "net_support.hpp"

using namespace net_test;
using net::UnixStream;

namespace {

/// Gives its text in pieces of a few bytes, and writes into a text; counts the calls.
struct Fake {
  std::size_t read(void* to, std::size_t size) {
    ++reads;
    const std::size_t n = std::min({size, piece, in.size() - at});
    in.copy(static_cast<char*>(to), n, at);
    at += n;
    return n;
  }
  std::size_t write(const void* data, std::size_t size) {
    ++writes;
    if (fails) throw std::runtime_error("no");
    const std::size_t n = std::min(size, piece);
    out.append(static_cast<const char*>(data), n);
    return n;
  }

  std::string in, out;
  std::size_t piece = 1000;
  std::size_t at = 0;
  int reads = 0, writes = 0;
  bool fails = false;
};

/// The same with nothing that the compiler could not know.
struct Words {
  std::size_t read(void* to, std::size_t size) {
    const std::size_t n = std::min({size, text.size() - at, std::size_t{7}});
    text.copy(static_cast<char*>(to), n, at);
    at += n;
    return n;
  }
  std::size_t write(const void* data, std::size_t size) {
    const std::size_t n = std::min<std::size_t>(size, 5);
    text.append(static_cast<const char*>(data), n);
    return n;
  }

  std::string text;
  std::size_t at = 0;
};

template <class Reader>
std::vector<std::string> lines_of(Reader& reader) {
  std::vector<std::string> lines;
  while (auto line = reader.read_line()) lines.push_back(*line);
  return lines;
}

}  // namespace

TEST_CASE("lines come without their ends, whatever the pieces and the buffer") {
  const std::string longest(300, 'l');
  const std::vector<std::string> expected{"one", "", "two", longest, "a\rb", "", "rest\r"};
  for (const std::size_t piece : {1, 2, 7, 1000}) {
    for (const std::size_t capacity : {1, 3, 64, 8192}) {
      Fake fake;
      fake.in = "one\n\ntwo\r\n" + longest + "\na\rb\n\r\nrest\r";
      fake.piece = piece;
      io::BufReader reader(fake, capacity);
      CHECK(lines_of(reader) == expected);
      CHECK_FALSE(reader.read_line());
    }
  }
  Fake empty;
  CHECK_FALSE(io::BufReader(empty).read_line());
  CHECK(io::BufReader(Fake{"owned\n", ""}).read_line() == "owned");
}

TEST_CASE("a line longer than the reader's limit is an error, and is never held whole") {
  for (const std::size_t piece : {1, 2, 1000}) {
    Fake fake;
    fake.in = "1234\n1234\r\n\n12345\n";
    fake.piece = piece;
    io::BufReader reader(fake, 4);
    CHECK(reader.read_line(4) == "1234");
    CHECK(reader.read_line(4) == "1234");
    CHECK(reader.read_line(0) == "");
    CHECK(os_error_of([&] { reader.read_line(4); }) == EMSGSIZE);
    CHECK(reader.read_line(5) == "12345");  // it stays to be read
  }
  for (const char* unended : {"12345", "1234\r"}) {
    Fake fake;
    fake.in = unended;
    io::BufReader reader(fake);
    CHECK(os_error_of([&] { reader.read_line(4); }) == EMSGSIZE);
    CHECK(reader.read_line(5) == unended);
  }
  Fake dripping;  // the error comes with the first byte too many
  dripping.in = "123456789";
  dripping.piece = 1;
  io::BufReader drops(dripping);
  CHECK(os_error_of([&] { drops.read_line(4); }) == EMSGSIZE);
  CHECK(dripping.at == 5);

  Fake endless;
  endless.in = std::string(1'000'000, 'x');
  io::BufReader reader(endless, 1024);
  CHECK(os_error_of([&] { reader.read_line(2000); }) == EMSGSIZE);
  CHECK(endless.at <= 4096);
}

TEST_CASE("bytes and lines are read from one buffer, large reads past it") {
  Fake fake;
  fake.in = "head\n12345tail";
  io::BufReader reader(fake, 8);
  CHECK(reader.read_line() == "head");
  char bytes[16];
  CHECK(reader.read(bytes, 0) == 0);
  CHECK(reader.read(bytes, 2) == 2);
  CHECK(reader.read_exact(bytes + 2, 3) == 3);
  CHECK(std::string(bytes, 5) == "12345");
  CHECK(&reader.inner() == &fake);
  CHECK(reader.read(bytes, sizeof bytes) == 4);
  CHECK(reader.read(bytes, sizeof bytes) == 0);
  CHECK(code_of([&] { reader.read_exact(bytes, 1); }) == Errc::unexpected_end);
}

TEST_CASE("a cancelled read_line leaves what it has read to the next one") {
  Checked house;
  house.rt.block_on([] {
    auto [ours, theirs] = UnixStream::pair();
    io::BufReader reader(ours);
    theirs.write_all("half ");
    CHECK_THROWS_AS(runtime::timeout(5ms, [&] { reader.read_line(); }), runtime::Elapsed);
    theirs.write_all("and half\nnext");
    CHECK(reader.read_line() == "half and half");
    theirs.shutdown(SHUT_WR);
    CHECK(reader.read_line() == "next");
    CHECK_FALSE(reader.read_line());
  });
}

TEST_CASE("small writes are collected, large ones go through, and their order stays") {
  Fake fake;
  fake.piece = 5;
  {
    io::BufWriter writer(fake, 16);
    for (int i = 0; i < 4; ++i) writer.write_all("abc");
    CHECK(fake.writes == 0);
    writer.write_all("012345678901234567890123456789");
    writer.write_all("end");
    CHECK(fake.out == "abcabcabcabc012345678901234567890123456789");
    writer.flush();
    CHECK(fake.out.substr(42) == "end");
    CHECK(writer.write("", 0) == 0);
    writer.write_all("left");
  }
  CHECK(fake.out.substr(45) == "left");  // by the destructor
}

// The compiler, too, must see that what does not fit is never copied: GCC 12 said stringop-overflow here.
TEST_CASE("a buffer of no bytes passes everything on") {
  Fake fake;
  fake.in = std::string(1000, 'q') + "\nend";
  {
    io::BufReader reader(fake, 0);
    CHECK(lines_of(reader) == std::vector<std::string>{std::string(1000, 'q'), "end"});
  }
  io::BufReader own(Words{"a\nb"}, 0);
  CHECK(lines_of(own) == std::vector<std::string>{"a", "b"});
  Words words;
  {
    io::BufWriter writer(words, 0);
    writer.write_all("abc");
  }
  CHECK(words.text == "abc");
}

TEST_CASE("the destructor writes nothing while an exception unwinds, and throws nothing") {
  Fake fake;
  try {
    io::BufWriter writer(fake);
    writer.write_all("lost");
    throw std::runtime_error("unwinds");
  } catch (const std::runtime_error&) {
    CHECK(fake.out.empty());
  }
  {
    io::BufWriter writer(fake);
    writer.write_all("lost, too");
    CHECK_THROWS_AS(([&] {
                      fake.fails = true;
                      writer.flush();
                    }()),
                    std::runtime_error);
  }
  CHECK(fake.writes == 2);
}

TEST_CASE("a cancelled flush goes on where it stopped") {
  Checked house;
  house.rt.block_on([] {
    auto [ours, theirs] = UnixStream::pair();
    const std::string much(1 << 20, 'w');
    io::BufWriter writer(ours, much.size() + 1);
    writer.write_all(much);
    CHECK_THROWS_AS(runtime::timeout(5ms, [&] { writer.flush(); }), runtime::Elapsed);
    auto flushing = start([&writer] { writer.flush(); });
    std::string got;
    while (got.size() < much.size()) got += read_some(theirs, 100'000);
    flushing.join();
    CHECK(got == much);
  });
}
