// Where a closure, its result, the task's name and what follows them lie: nothing is on top of anything else.

#include <array>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

/// A closure of that size and alignment that finds itself as it was made, before and after others have run, and gives
/// back bytes of its own.
template <std::size_t kSize, std::size_t kAlign, std::size_t kResult = kSize>
struct Filled {
  using Result = std::array<unsigned char, kResult>;

  explicit Filled(int fill) { bytes.fill(static_cast<unsigned char>(fill)); }

  Result expected() const {
    Result result;
    result.fill(static_cast<unsigned char>(bytes[0] ^ 0xff));
    return result;
  }
  bool is_whole() const {
    return bytes == Filled(bytes[0]).bytes && reinterpret_cast<std::uintptr_t>(this) % kAlign == 0;
  }
  Result operator()() const {
    bool was_whole = is_whole();
    runtime::yield_now();  // on a fiber: all the others begin, then one after the other writes its result
    was_whole &= is_whole();
    return was_whole ? expected() : Result{};
  }

  alignas(kAlign) std::array<unsigned char, kSize> bytes;
};

const std::string name(40, 'n');

runtime::TaskBuilder named() {
  runtime::TaskBuilder builder;
  builder.name(name);
  return builder;
}

/// Tasks made in each way, all those with a fiber before the first one runs.
template <class Closure>
void spawn_in_each_way() {
  std::vector<JoinHandle<typename Closure::Result>> tasks;
  const auto next = [&tasks] { return Closure(static_cast<int>(tasks.size()) + 1); };
  for (int round = 0; round < 3; ++round) {
    tasks.push_back(runtime::spawn_local(next()));
    tasks.push_back(named().spawn_local(next()));
    tasks.push_back(named().stack_size(32768).spawn_local(next()));
    const Handle handle = Handle::current();
    std::thread([&] {
      tasks.push_back(handle.spawn(next()));
      const auto entered = handle.enter();
      tasks.push_back(named().spawn(next()));
    }).join();
    tasks.push_back(runtime::spawn_blocking(next()));
    tasks.push_back(named().spawn_blocking(next()));
  }
  runtime::scope([&](runtime::Scope& scope) {
    for (int child = 101; child < 104; ++child) scope.spawn(Closure(child));
    auto kept = scope.spawn(Closure(104));
    CHECK(kept.join() == Closure(104).expected());
  });
  int fill = 0;
  for (auto& task : tasks) CHECK(task.join() == Closure(++fill).expected());
}

template <std::size_t kAlign, std::size_t kResult, std::size_t... kSizes>
void spawn_sizes() {
  (spawn_in_each_way<Filled<kSizes, kAlign, kResult>>(), ...);
}

void spawn_each(Checked& house) {
  house.rt.block_on([] {
    // First, while each cell has the next one taken behind it: what ends in the first word of the line after the last
    // that it would have without the word before it, with a job of the pool behind it.
    spawn_sizes<16, 8, 32, 96>();
    spawn_sizes<1, 1, 1, 6, 7, 8, 9, 55, 63, 64, 71>();
    spawn_sizes<8, 8, 8, 16, 48, 56, 64, 72, 120, 128>();
    // The same without a job.
    spawn_sizes<16, 8, 16, 48, 64, 112, 128>();
    spawn_sizes<64, 8, 64, 128>();
    spawn_sizes<64, 64, 64, 192>();
    // The largest that lie in the cell, and those that do not.
    spawn_sizes<8, 512, 504, 512, 520>();
    spawn_sizes<64, 512, 512, 576>();
    spawn_sizes<128, 1, 128>();
  });
}

/// Closures that give nothing back, so that they may lie in the task itself.
template <std::size_t kWords>
void spawn_without_result() {
  std::array<std::uintptr_t, kWords> words;
  std::vector<std::array<std::uintptr_t, kWords>> seen;
  std::vector<JoinHandle<void>> tasks;
  static std::vector<std::array<std::uintptr_t, kWords>>* report;
  report = &seen;
  for (std::uintptr_t i = 0; i < 50; ++i) {
    words.fill(~i);
    const auto closure = [words] {
      CHECK((runtime::this_task::name().empty() || runtime::this_task::name() == name));
      runtime::yield_now();
      report->push_back(words);
    };
    static_assert(sizeof closure == kWords * sizeof(std::uintptr_t));
    tasks.push_back(i % 2 == 0 ? runtime::spawn_local(closure) : named().spawn_local(closure));
  }
  for (auto& task : tasks) task.join();
  REQUIRE(seen.size() == 50);
  for (std::uintptr_t i = 0; i < 50; ++i) {
    words.fill(~i);
    CHECK(seen[i] == words);
  }
}

/// A closure of one word that says where it is.
struct Place {
  std::vector<std::uintptr_t>* places;
  void operator()() const { places->push_back(reinterpret_cast<std::uintptr_t>(this)); }
};

}  // namespace

TEST_CASE("closures and results of each size and alignment are whole, with a name, a scope and without") {
  Checked house;
  spawn_each(house);
}

TEST_CASE("they are where a histogram keeps its own behind them, too") {
  Checked house(Builder().metrics_schedule_latency_histogram(runtime::HistogramConfig::linear(1ms, 4)));
  spawn_each(house);
}

TEST_CASE("a closure of one word, and of a few, that gives nothing back") {
  Checked house;
  house.rt.block_on([] {
    spawn_without_result<1>();
    spawn_without_result<2>();
    spawn_without_result<9>();
  });
}

TEST_CASE("tasks with a closure of one word are 128 bytes apart") {
  Checked house;
  std::vector<std::uintptr_t> places;
  house.rt.block_on([&] {
    std::vector<JoinHandle<void>> tasks;
    // The pool's first cells: side by side.
    for (int i = 0; i < 16; ++i) tasks.push_back(runtime::spawn_local(Place{&places}));
    for (auto& task : tasks) task.join();
  });
  REQUIRE(places.size() == 16);
  for (std::size_t i = 1; i < places.size(); ++i) CHECK(places[i] - places[i - 1] == 128);
}
