// Where a closure, its result, the task's name and what follows them lie: nothing is on top of anything else.

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

/// A closure of that size and alignment that finds itself as it was made, and gives back as many bytes.
template <std::size_t kSize, std::size_t kAlign>
struct Filled {
  using Bytes = std::array<unsigned char, kSize>;

  explicit Filled(unsigned char fill) { bytes.fill(fill); }

  Bytes operator()() const {
    CHECK(reinterpret_cast<std::uintptr_t>(this) % kAlign == 0);
    runtime::yield_now();  // the others begin to write their results
    Bytes result = bytes;
    for (unsigned char& byte : result) byte = static_cast<unsigned char>(byte ^ 0xff);
    return result;
  }

  alignas(kAlign) Bytes bytes;
};

/// Tasks made in each way, all at once, each filled with its number.
template <class Closure>
void spawn_in_each_way() {
  const std::string name(40, 'n');
  const auto has_name = [&name](auto closure) {
    return [closure, &name] {
      CHECK(runtime::this_task::name() == name);
      return closure();
    };
  };
  std::vector<JoinHandle<typename Closure::Bytes>> tasks;
  unsigned char fill = 0;
  for (int round = 0; round < 3; ++round) {
    tasks.push_back(runtime::spawn_local(Closure(++fill)));
    tasks.push_back(runtime::spawn(Closure(++fill)));
    tasks.push_back(runtime::TaskBuilder().name(name).spawn_local(has_name(Closure(++fill))));
    tasks.push_back(runtime::TaskBuilder().name(name).stack_size(32768).spawn_local(Closure(++fill)));
    tasks.push_back(runtime::TaskBuilder().name(name).spawn(Closure(++fill)));
  }
  runtime::scope([&](runtime::Scope& scope) {
    auto plain = scope.spawn(Closure(101));
    auto named = scope.spawn(Closure(102));
    CHECK(plain.join() == Closure(101 ^ 0xff).bytes);
    CHECK(named.join() == Closure(102 ^ 0xff).bytes);
  });
  fill = 0;
  for (auto& task : tasks) CHECK(task.join() == Closure(static_cast<unsigned char>(++fill ^ 0xff)).bytes);
}

template <std::size_t kAlign, std::size_t... kSizes>
void spawn_each_size(std::index_sequence<kSizes...>) {
  (spawn_in_each_way<Filled<(kSizes + 1) * 7 / kAlign * kAlign + kAlign, kAlign>>(), ...);
}

void spawn_each(Checked& house) {
  house.rt.block_on([] {
    spawn_each_size<1>(std::make_index_sequence<11>());
    spawn_each_size<8>(std::make_index_sequence<10>());
    spawn_each_size<16>(std::make_index_sequence<9>());
    spawn_each_size<64>(std::make_index_sequence<3>());
    spawn_in_each_way<Filled<1, 1>>();
    spawn_in_each_way<Filled<8, 8>>();
    spawn_in_each_way<Filled<512, 8>>();  // with a result that makes it the largest that is not boxed
    spawn_in_each_way<Filled<512, 64>>();
    spawn_in_each_way<Filled<520, 8>>();
    spawn_in_each_way<Filled<128, 128>>();
  });
}

}  // namespace

TEST_CASE("closures and results of each size and alignment are whole, with a name, a scope and without") {
  Checked house;
  spawn_each(house);
}

TEST_CASE("they are where a histogram keeps its own behind them, too") {
  Checked house(Builder().metrics_schedule_latency_histogram(runtime::HistogramConfig::linear(1ms, 4)));
  spawn_each(house);
}

TEST_CASE("closures of the pool as well, which have their job behind them") {
  Checked house;
  house.rt.block_on([] {
    const auto on_pool = [](auto closure) {
      using Closure = decltype(closure);
      const auto same = [closure] { return closure.bytes; };
      auto plain = runtime::spawn_blocking(same);
      auto named = runtime::TaskBuilder().name("a job").spawn_blocking(same);
      CHECK(plain.join() == Closure(closure).bytes);
      CHECK(named.join() == Closure(closure).bytes);
    };
    on_pool(Filled<1, 1>(5));
    on_pool(Filled<8, 8>(6));
    on_pool(Filled<9, 1>(7));
    on_pool(Filled<64, 16>(8));
    on_pool(Filled<64, 64>(9));
    on_pool(Filled<512, 8>(10));
    on_pool(Filled<512, 64>(11));
    on_pool(Filled<2048, 8>(12));
  });
}
