#include "sync/value_blocks.hpp"

#include <cstdint>
#include <deque>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"

using runtime::detail::ValueOf;
using runtime::sync::ValueBlocks;

namespace {

struct alignas(64) Wide {
  std::uint64_t number = 0;
};

/// Room for the largest: the compiler does not know which size a channel's type has.
template <class T>
struct Room {
  alignas(64) T value{};
  std::byte rest[64]{};
};

template <class T>
void push(ValueBlocks& values, const T& value) {
  if (!values.has_room()) values.add(*values.make_block());
  const Room<T> room{value, {}};
  values.push(&room);
}

template <class T>
T pop(ValueBlocks& values, int* given_back = nullptr) {
  Room<T> room;
  ValueBlocks::Block* block = values.pop(&room);
  if (given_back != nullptr && block != nullptr) ++*given_back;
  values.free_block(block);
  return room.value;
}

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "values come out as they went in, whatever the blocks") {
  for (const std::uint64_t most : {1, 2, 3, 127, 128, 129, 1'000'000}) {
    CAPTURE(most);
    ValueBlocks values(ValueOf<std::uint64_t>::kType, most);
    std::deque<std::uint64_t> expected;
    std::uint64_t next = 0;
    std::uint64_t random = 42;
    CHECK(values.is_empty());
    CHECK_FALSE(values.has_room());
    for (int round = 0; round < 300; ++round) {
      random = random * 6364136223846793005 + 1442695040888963407;
      for (std::uint64_t n = (random >> 33) % 200; n > 0 && expected.size() < most; --n) {
        push(values, next);
        expected.push_back(next++);
      }
      for (std::uint64_t n = (random >> 43) % 220; n > 0 && !expected.empty(); --n) {
        REQUIRE_FALSE(values.is_empty());
        REQUIRE(pop<std::uint64_t>(values) == expected.front());
        expected.pop_front();
      }
      REQUIRE(values.is_empty() == expected.empty());
    }
  }
}

TEST_CASE_FIXTURE(test::LeakCheck, "a value lies where its type wants it") {
  ValueBlocks values(ValueOf<Wide>::kType, 1000);
  for (std::uint64_t i = 0; i < 100; ++i) push(values, Wide{i});
  for (std::uint64_t i = 0; i < 100; ++i) CHECK(pop<Wide>(values).number == i);
  ValueBlocks bytes(ValueOf<char>::kType, 5000);
  for (int i = 0; i < 3000; ++i) push(bytes, static_cast<char>(i));
  for (int i = 0; i < 3000; ++i) REQUIRE(pop<char>(bytes) == static_cast<char>(i));
}

TEST_CASE_FIXTURE(test::LeakCheck, "one block serves for good where few values are there at once") {
  ValueBlocks values(ValueOf<int>::kType, 1);
  for (int i = 0; i < 1000; ++i) {
    CHECK(values.has_room() == (i > 0));
    push(values, i);
    CHECK(pop<int>(values) == i);
  }
}

TEST_CASE_FIXTURE(test::LeakCheck, "of the blocks that a burst has left some are kept and the others given back") {
  constexpr int kBurst = 100'000;
  ValueBlocks values(ValueOf<int>::kType, UINT64_MAX);
  for (int i = 0; i < kBurst; ++i) push(values, i);
  int given_back = 0;
  for (int i = 0; i < kBurst; ++i) {
    REQUIRE(pop<int>(values, &given_back) == i);
  }
  CHECK(given_back > 300);  // of some 400
  int kept = 0;
  for (; values.has_room(); ++kept) push(values, kept);
  CHECK(kept >= 1000);
  CHECK(kept <= 20'000);
}

TEST_CASE_FIXTURE(test::LeakCheck, "all that is there changes hands at once, and what is empty goes back") {
  ValueBlocks sent(ValueOf<int>::kType, UINT64_MAX);
  ValueBlocks taken(ValueOf<int>::kType, UINT64_MAX);
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 700; ++i) push(sent, i);
    CHECK(taken.is_empty());
    taken.swap(sent);
    CHECK(sent.is_empty());
    push(sent, -1);
    for (int i = 0; i < 700; ++i) REQUIRE(pop<int>(taken) == i);
    CHECK(pop<int>(sent) == -1);
  }
  CHECK(sent.has_room());  // blocks that the other has emptied
}
