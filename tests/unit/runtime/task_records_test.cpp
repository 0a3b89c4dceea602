#include "runtime/task_records.hpp"

#include <algorithm>
#include <vector>

#include <doctest/doctest.h>

using runtime::detail::find_deadlocks;
using runtime::detail::TaskRecord;
using runtime::detail::TaskRecords;
using runtime::detail::WaitRecord;
using Rings = std::vector<std::vector<std::uint64_t>>;

namespace {

WaitRecord wait_for(std::uint64_t task) {
  return {runtime::task::WaitFor::mutex, 0, -1, 0, -1, task, nullptr};
}
WaitRecord timer(runtime::base::Nanos left) { return {runtime::task::WaitFor::timer, 0, -1, 0, left, 0, nullptr}; }

void add(TaskRecords& records, std::uint64_t id, std::vector<WaitRecord> waits) {
  TaskRecord record;
  record.id = id;
  record.waits = std::move(waits);
  records.tasks.push_back(std::move(record));
}

/// Task i + 1 waits for the i-th of these; 0: for none.
Rings rings_of(std::vector<std::uint64_t> blockers) {
  TaskRecords records;
  for (std::size_t i = 0; i < blockers.size(); ++i) {
    add(records, i + 1, blockers[i] != 0 ? std::vector{wait_for(blockers[i])} : std::vector<WaitRecord>{});
  }
  return find_deadlocks(records);
}

}  // namespace

TEST_CASE("chains that end are no deadlock, be it with a task that waits for none or with one of another runtime") {
  CHECK(rings_of({}).empty());
  CHECK(rings_of({2, 3, 0}).empty());
  CHECK(rings_of({2, 3, 77}).empty());
  CHECK(rings_of({3, 3, 0, 3}).empty());
}

TEST_CASE("a ring is named once, from its smallest id, in the order of waiting") {
  CHECK(rings_of({2, 1}) == Rings{{1, 2}});
  CHECK(rings_of({3, 1, 2}) == Rings{{1, 3, 2}});
  CHECK(rings_of({0, 4, 2, 3}) == Rings{{2, 4, 3}});
  CHECK(rings_of({1}) == Rings{{1}});
}

TEST_CASE("a ring that is reached from outside is named without those outside, whoever is looked at first") {
  CHECK(rings_of({3, 1, 4, 3}) == Rings{{3, 4}});          // 2 -> 1 -> 3 <-> 4
  CHECK(rings_of({2, 1, 1, 3, 4}) == Rings{{1, 2}});       // 5 -> 4 -> 3 -> 1 <-> 2
  CHECK(rings_of({5, 5, 5, 5, 6, 5}) == Rings{{5, 6}});
}

TEST_CASE("several rings") {
  Rings rings = rings_of({2, 1, 4, 3, 1, 3, 0});
  std::sort(rings.begin(), rings.end());
  CHECK(rings == Rings{{1, 2}, {3, 4}});
}

TEST_CASE("a ring in which one wait has a deadline is no deadlock; a deadline that never comes is none") {
  for (const bool is_bounded : {false, true}) {
    TaskRecords records;
    add(records, 1, {timer(is_bounded ? 5 : runtime::base::kForever), wait_for(2)});
    add(records, 2, {wait_for(1)});
    CHECK(find_deadlocks(records) == (is_bounded ? Rings{} : Rings{{1, 2}}));
  }
}

TEST_CASE("a long ring takes no stack and no time") {
  constexpr std::uint64_t kLength = 100'000;
  std::vector<std::uint64_t> blockers;
  for (std::uint64_t i = 1; i <= kLength; ++i) blockers.push_back(i % kLength + 1);
  const Rings rings = rings_of(std::move(blockers));
  CHECK(rings.size() == 1);
  CHECK(rings.front().size() == kLength);
}
