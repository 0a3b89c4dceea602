#include "task/cell_pool.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "base/valgrind.hpp"
#include "support/child.hpp"
#include "support/leak_check.hpp"
#include "support/sanitized.hpp"
#include "task/task.hpp"

using namespace runtime::task;

namespace {

/// Whoever watches memory needs more of it, and mappings of his own.
const bool is_instrumented = test::kAddressSanitizer || test::kThreadSanitizer || runtime::base::under_valgrind();

struct Cell {
  void* memory;
  std::uint16_t size_class;
  std::size_t size;
};

Cell take(CellPool& pool, std::size_t bytes) {
  Cell cell{nullptr, 0, Task::kBodyBegin + bytes};
  cell.memory = pool.allocate(bytes, cell.size_class);
  return cell;
}

std::ptrdiff_t count_mappings() {
  std::ifstream maps("/proc/self/maps");
  return std::count(std::istreambuf_iterator<char>(maps), std::istreambuf_iterator<char>(), '\n');
}

void give_back(CellPool& pool, const Cell& cell) { pool.free_local(cell.memory, cell.size_class); }

}  // namespace

TEST_CASE("a word costs nothing, then each cache line's step is a size class; class 0 is nobody's") {
  CellPool pool;
  std::set<std::uint16_t> classes;
  for (std::size_t bytes = 0; bytes <= CellPool::kLargest; ++bytes) {
    const Cell cell = take(pool, bytes);
    classes.insert(cell.size_class);
    CHECK(cell.size_class == (bytes <= 8 ? 1 : (bytes - 8 + 63) / 64 + 1));
    give_back(pool, cell);
  }
  CHECK(classes.count(0) == 0);
  CHECK(classes.size() == (CellPool::kLargest - 8 + 63) / 64 + 1);
}

TEST_CASE("cells are aligned and do not overlap, across chunks and classes") {
  CellPool pool;
  std::vector<Cell> cells;
  for (int i = 0; i < 3000; ++i) {
    const Cell cell = take(pool, static_cast<std::size_t>(i * 37) % (CellPool::kLargest + 1));
    CHECK(reinterpret_cast<std::uintptr_t>(cell.memory) % CellPool::kBodyAlign == 0);
    std::memset(cell.memory, i & 0xff, cell.size);
    cells.push_back(cell);
  }
  int damaged = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto* bytes = static_cast<const unsigned char*>(cells[i].memory);
    for (std::size_t at = 0; at < cells[i].size; ++at) damaged += bytes[at] != (i & 0xff);
  }
  CHECK(damaged == 0);
  for (const Cell& cell : cells) give_back(pool, cell);
  CHECK(pool.close());
}

TEST_CASE("a hundred thousand cells are few mappings, and none is part of another") {
  CellPool pool;
  std::vector<Cell> cells;
  const std::ptrdiff_t mappings = count_mappings();
  for (int i = 0; i < 100'000; ++i) cells.push_back(take(pool, 64));
  if (!is_instrumented) CHECK(count_mappings() - mappings < 32);
  std::sort(cells.begin(), cells.end(), [](const Cell& a, const Cell& b) { return a.memory < b.memory; });
  bool overlap = false, misaligned = false;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    misaligned |= reinterpret_cast<std::uintptr_t>(cells[i].memory) % CellPool::kBodyAlign != 0;
    overlap |= i > 0 && static_cast<std::byte*>(cells[i - 1].memory) + cells[i - 1].size > cells[i].memory;
  }
  CHECK_FALSE(misaligned);
  CHECK_FALSE(overlap);
  for (const Cell& cell : cells) give_back(pool, cell);
  CHECK(pool.close());
}

TEST_CASE("where there is no memory for a huge page, a small piece will do" * doctest::skip(is_instrumented)) {
  const test::ChildEnd end = test::in_child([] {
    CellPool pool;
    for (int i = 0; i < 20'000; ++i) take(pool, 64);  // from here on it asks for huge pages
    std::ifstream statm("/proc/self/statm");
    rlim_t pages = 0;
    statm >> pages;
    const rlim_t bytes = pages * 4096 + 1'500'000;
    const rlimit limit{bytes, bytes};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) throw std::runtime_error("setrlimit");
    int taken = 0;
    try {
      for (;; ++taken) take(pool, 64);
    } catch (const std::bad_alloc&) {
    }
    test::say("taken " + std::string(taken > 3'000 ? "many" : "few"));
    Cell small = take(pool, 1000);  // other classes have what they had
    give_back(pool, small);
  });
  CHECK(end.says("taken many"));
}

TEST_CASE("after a huge page that was slow to come, as much memory again comes in small ones") {
  constexpr std::size_t kHuge = runtime::task::PageChoice::kHugePage;
  constexpr auto kSlow = runtime::task::PageChoice::kSlow;
  const auto small_after = [](runtime::task::PageChoice& pages) {
    std::size_t small = 0;
    for (; !pages.is_huge() && small < 1'000'000'000; small += kHuge) pages.took_small(kHuge);
    return small;
  };
  runtime::task::PageChoice pages;
  CHECK(pages.is_huge());
  pages.took_huge(kSlow);
  CHECK(pages.is_huge());
  pages.took_huge(kSlow + 1);
  CHECK_FALSE(pages.is_huge());
  CHECK(small_after(pages) == runtime::task::PageChoice::kSmallAtLeast);
  const std::size_t taken = 2 * kHuge + runtime::task::PageChoice::kSmallAtLeast;
  pages.took_huge(kSlow + 1);
  CHECK(small_after(pages) == taken + kHuge);
  pages.took_huge(kSlow - 1);
  CHECK(pages.is_huge());
}

TEST_CASE("the cell freed last is taken first, and new ones lie side by side") {
  CellPool pool;
  const Cell a = take(pool, 0), b = take(pool, 0);
  CHECK(static_cast<std::byte*>(b.memory) - static_cast<std::byte*>(a.memory) == sizeof(Task));
  give_back(pool, a);
  give_back(pool, b);
  CHECK(take(pool, 0).memory == b.memory);
  CHECK(take(pool, 0).memory == a.memory);
  give_back(pool, a);
  give_back(pool, b);
}

TEST_CASE_FIXTURE(test::LeakCheck, "what other threads have freed comes back when it is collected") {
  CellPool pool;
  const Cell cell = take(pool, 100);
  bool last = true;
  std::thread([&] { last = pool.free_remote(cell.memory, cell.size_class); }).join();
  CHECK_FALSE(last);
  pool.collect();
  CHECK(take(pool, 100).memory == cell.memory);
  give_back(pool, cell);
  CHECK(pool.close());
}

TEST_CASE_FIXTURE(test::LeakCheck, "a pool that runs out looks for freed cells before it takes a new chunk") {
  CellPool pool;
  std::vector<Cell> chunk{take(pool, 0)};
  // The first piece: one more would be of another.
  while (chunk.size() < 8 * 1024 / sizeof(Task)) chunk.push_back(take(pool, 0));
  std::thread([&] { pool.free_remote(chunk[5].memory, chunk[5].size_class); }).join();
  CHECK(take(pool, 0).memory == chunk[5].memory);
  for (const Cell& cell : chunk) give_back(pool, cell);
  CHECK(pool.close());
}

TEST_CASE("a pool with no cell out closes at once, also with freed ones not yet collected") {
  CellPool unused;
  CHECK(unused.close());
  CellPool pool;
  const Cell cell = take(pool, 0);
  CHECK_FALSE(pool.free_remote(cell.memory, cell.size_class));
  CHECK(pool.close());
}

TEST_CASE_FIXTURE(test::LeakCheck, "of the cells that are out at the close, the last one freed says so, and only it") {
  constexpr int kThreads = 4, kCells = 500;
  CellPool pool;
  std::vector<Cell> cells;
  for (int i = 0; i < kThreads * kCells; ++i) cells.push_back(take(pool, static_cast<std::size_t>(i) % 200));
  const Cell early = take(pool, 0);
  give_back(pool, early);
  CHECK_FALSE(pool.close());
  std::atomic<int> last{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCells; ++i) {
        const Cell& cell = cells[static_cast<std::size_t>(t * kCells + i)];
        last += pool.free_remote(cell.memory, cell.size_class);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(last == 1);
}
