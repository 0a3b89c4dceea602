#include "posix/parts.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace runtime::posix;

namespace {

/// A list of buffers over one text, cut at the given sizes.
struct Cut {
  Cut(std::string all, const std::vector<std::size_t>& sizes) : text(std::move(all)) {
    std::size_t at = 0;
    for (const std::size_t size : sizes) {
      list.push_back({text.data() + at, size});
      at += size;
    }
  }
  Parts parts() const { return Parts(list.data(), list.size()); }

  std::string text;
  std::vector<iovec> list;
};

std::string next_bytes(Parts& parts) {
  std::string bytes;
  for (std::size_t i = 0; i < parts.count(); ++i) {
    bytes.append(static_cast<const char*>(parts.data()[i].iov_base), parts.data()[i].iov_len);
  }
  return bytes;
}

}  // namespace

TEST_CASE("advancing by any steps passes every byte once, and leaves the list as it was") {
  const Cut cut("abcdefghijklmnop", {0, 3, 0, 0, 1, 7, 5, 0});
  const std::vector<iovec> before = cut.list;
  for (std::size_t step = 1; step <= 17; ++step) {
    CAPTURE(step);
    Parts parts = cut.parts();
    std::string seen;
    while (!parts.is_empty()) {
      CHECK(parts.bytes() == cut.text.size() - seen.size());
      const std::string run = next_bytes(parts);
      CHECK(run == cut.text.substr(seen.size(), run.size()));
      const std::size_t n = std::min(step, run.size());
      seen += run.substr(0, n);
      parts.advance(n);
    }
    CHECK(seen == cut.text);
    CHECK(parts.bytes() == 0);
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK(cut.list[i].iov_base == before[i].iov_base);
    CHECK(cut.list[i].iov_len == before[i].iov_len);
  }
}

TEST_CASE("a buffer left half-way stands alone, and the others follow") {
  const Cut cut("abcdefgh", {3, 2, 3});
  Parts parts = cut.parts();
  parts.advance(4);
  CHECK(parts.count() == 1);
  CHECK(next_bytes(parts) == "e");
  parts.advance(1);
  CHECK(next_bytes(parts) == "fgh");
}

TEST_CASE("no buffers, and only empty ones, are nothing to do") {
  CHECK(Parts(nullptr, 0).is_empty());
  CHECK(Cut("", {0, 0, 0}).parts().is_empty());
}

TEST_CASE("a null buffer can be advanced in: MSG_TRUNC throws bytes away") {
  const iovec nowhere{nullptr, 10};
  Parts parts(&nowhere, 1);
  parts.advance(4);
  CHECK(parts.bytes() == 6);
}

TEST_CASE("finish goes on after a part, EINTR and EAGAIN, and stops at the end, an error and an end of patience") {
  const Cut cut("abcdefgh", {4, 4});
  // What the steps say, in turn: a count, or an errno below zero.
  std::vector<ssize_t> script;
  std::size_t at = 0;
  int waits = 0;
  bool patient = true;
  const auto play = [&] {
    const ssize_t next = script.at(at++);
    if (next >= 0) return next;
    errno = static_cast<int>(-next);
    return ssize_t{-1};
  };
  const auto run = [&](std::vector<ssize_t> steps) {
    script = std::move(steps);
    at = 0;
    waits = 0;
    const ssize_t first = play();
    return finish(
        cut.parts(), first, [&](Parts&, ssize_t) { return play(); },
        [&] {
          ++waits;
          return patient;
        });
  };
  CHECK(run({8}) == 8);
  CHECK(waits == 0);
  CHECK(run({3, -EINTR, -EAGAIN, 5}) == 8);
  CHECK(waits == 2);
  CHECK(run({-EAGAIN, 8}) == 8);
  CHECK(run({0}) == 0);
  CHECK(run({3, 0}) == 3);
  CHECK(run({3, -EPIPE}) == 3);
  CHECK(run({-EPIPE}) == -1);
  CHECK(errno == EPIPE);
  patient = false;
  CHECK(run({3}) == 3);
  CHECK(run({-EAGAIN}) == -1);
}
