// All primitives of runtime::sync at once, in an order that a seed decides: fibers of two runtimes and four plain
// threads share one world and do random things in it, with limits, cancelled scopes and aborted tasks. What must hold
// in the world is checked wherever somebody holds what guards it, and once more at the end of each phase, while all
// stand at a barrier.
//
// RUNTIME_STRESS_SEED=N repeats the random choices of a run (not what threads and the kernel do in between);
// RUNTIME_STRESS_PHASES=N makes it longer.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <shared_mutex>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <runtime/runtime.hpp>

#include "support/leak_check.hpp"

namespace sync_random {

using namespace std::chrono_literals;
namespace sync = runtime::sync;

namespace {

constexpr int kThreads = 4;
constexpr int kFibers = 6;  // of each of the two runtimes
constexpr int kAll = kThreads + 2 * kFibers;
constexpr int kOperations = 60;  // of each in a phase
constexpr std::size_t kPermits = 5;
constexpr std::size_t kMost = 3;  // items in the queue of the condition variables

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  unsigned roll(unsigned sides) { return static_cast<unsigned>(engine_() % sides); }
  std::chrono::microseconds moment() { return std::chrono::microseconds(roll(100)); }

 private:
  std::mt19937_64 engine_;
};

struct World {
  std::atomic<bool> good{true};
  void check(bool holds) {
    if (!holds) good = false;
  }

  sync::Mutex mutex;
  long left = 0, right = 0;  // guarded by mutex, and equal

  sync::RwLock rwlock;
  long first = 0, second = 0;  // guarded by rwlock, and equal

  sync::Semaphore semaphore{kPermits};
  std::atomic<std::size_t> permits_out{0};

  sync::Notify token;  // a permit that goes from hand to hand
  std::atomic<int> token_holders{0};

  sync::Mutex queue_mutex;
  sync::ConditionVariable has_room, has_items;
  std::size_t items = 0;  // guarded by queue_mutex

  std::pair<sync::mpsc::Sender<long>, sync::mpsc::Receiver<long>> bounded = sync::mpsc::channel<long>(4);
  std::pair<sync::mpsc::UnboundedSender<long>, sync::mpsc::Receiver<long>> unbounded =
      sync::mpsc::unbounded_channel<long>();
  sync::Mutex bounded_end, unbounded_end;  // guard the receivers
  std::atomic<long> sent{0}, received{0};  // the sums of the values of both

  using Answer = sync::oneshot::Sender<long>;
  std::pair<sync::mpsc::UnboundedSender<Answer>, sync::mpsc::Receiver<Answer>> questions =
      sync::mpsc::unbounded_channel<Answer>();
  sync::Mutex questions_end;  // guards the receiver

  std::pair<sync::broadcast::Sender<long>, sync::broadcast::Receiver<long>> news = sync::broadcast::channel<long>(8);
  std::pair<sync::watch::Sender<std::pair<long, long>>, sync::watch::Receiver<std::pair<long, long>>> state =
      sync::watch::channel(std::pair(0L, 0L));
  sync::Mutex speaking;  // so that what is said is in the order of its numbers
  long said = 0;         // guarded by speaking

  sync::Barrier barrier{kAll};
  std::vector<std::unique_ptr<sync::OnceCell<long>>> cells;  // one for each phase
  std::atomic<int> filled{0}, leaders{0};
};

/// One who does random things in the world; on a fiber or on a thread.
class Actor {
 public:
  Actor(World& world, std::uint64_t seed, bool is_fiber)
      : world_(world),
        dice_(seed),
        is_fiber_(is_fiber),
        news_(world.news.first.subscribe()),
        state_(world.state.first.subscribe()) {}

  /// One thing, now and then under a deadline or in a scope that is cancelled.
  void act() {
    const unsigned manner = is_fiber_ ? dice_.roll(4) : 3;
    if (manner == 0) {
      try {
        runtime::timeout(dice_.moment(), [this] { act_freely(); });
      } catch (const runtime::Elapsed&) {
      }
    } else if (manner == 1) {
      const runtime::CancellationToken token;
      auto canceller = runtime::spawn_local([token, turns = dice_.roll(4)] {
        for (unsigned i = 0; i < turns; ++i) runtime::yield_now();
        token.cancel();
      });
      static_cast<void>(token.run_until_cancelled([this] { act_freely(); }));
      canceller.join();
    } else {
      act_freely();
    }
  }

  void live_through(int phases) {
    for (int phase = 0; phase < phases; ++phase) {
      for (int i = 0; i < kOperations; ++i) act();
      const long made = world_.cells[static_cast<std::size_t>(phase)]->get_or_init([this, phase] {
        ++world_.filled;
        pause();
        return phase + 1L;
      });
      world_.check(made == phase + 1L);
      world_.leaders += world_.barrier.wait().is_leader();
    }
  }

 private:
  void pause() {
    if (dice_.roll(4) == 0) runtime::yield_now();
  }

  void act_freely() {
    switch (dice_.roll(12)) {
      case 0:
        return use_mutex();
      case 1:
        return write();
      case 2:
        return read();
      case 3:
        return use_permits();
      case 4:
        return pass_the_token();
      case 5:
        return use_queue();
      case 6:
        return send();
      case 7:
        return receive(world_.bounded_end, world_.bounded.second);
      case 8:
        return receive(world_.unbounded_end, world_.unbounded.second);
      case 9:
        return dice_.roll(2) == 0 ? ask() : answer();
      case 10:
        return dice_.roll(2) == 0 ? speak() : listen();
      case 11:
        return look();
    }
  }

  void use_mutex() {
    std::unique_lock lock(world_.mutex, std::defer_lock);
    if (dice_.roll(2) == 0 ? !lock.try_lock_for(dice_.moment()) : (lock.lock(), false)) return;
    world_.check(world_.left == world_.right);
    const Pair both{world_.left, world_.right};
    pause();
  }

  void write() {
    std::unique_lock lock(world_.rwlock, std::defer_lock);
    if (dice_.roll(2) == 0 ? !lock.try_lock_for(dice_.moment()) : (lock.lock(), false)) return;
    world_.check(world_.first == world_.second);
    const Pair both{world_.first, world_.second};
    pause();
  }

  void read() {
    const std::shared_lock lock(world_.rwlock, dice_.moment());
    if (!lock.owns_lock()) return;
    const long seen = world_.first;
    pause();
    world_.check(seen == world_.second && seen == world_.first);
  }

  void use_permits() {
    const std::size_t n = 1 + dice_.roll(kPermits);
    std::optional<sync::SemaphorePermit> permit;
    if (dice_.roll(3) == 0) {
      permit = world_.semaphore.try_acquire_many(n);
    } else {
      permit.emplace(world_.semaphore.acquire_many(n));
    }
    if (!permit) return;
    struct Out {
      std::atomic<std::size_t>& out;
      std::size_t n;
      ~Out() { out -= n; }
    } out{world_.permits_out, n};
    world_.check((world_.permits_out += n) <= kPermits);
    pause();
  }

  void pass_the_token() {
    if (dice_.roll(2) == 0) {
      world_.token.notified();
    } else if (!world_.token.notified_for(dice_.moment())) {
      return;
    }
    struct Holder {
      World& world;
      bool to_last;
      ~Holder() {
        --world.token_holders;
        to_last ? world.token.notify_last() : world.token.notify_one();
      }
    } holder{world_, dice_.roll(2) == 0};
    world_.check(++world_.token_holders == 1);
    pause();
  }

  void use_queue() {
    std::unique_lock lock(world_.queue_mutex);
    if (dice_.roll(2) == 0) {
      if (!world_.has_room.wait_for(lock, dice_.moment(), [this] { return world_.items < kMost; })) return;
      world_.check(++world_.items <= kMost);
      world_.has_items.notify_one();
    } else {
      if (!world_.has_items.wait_for(lock, dice_.moment(), [this] { return world_.items > 0; })) return;
      world_.check(world_.items-- > 0);
      dice_.roll(8) == 0 ? world_.has_room.notify_all() : world_.has_room.notify_one();
    }
  }

  void send() {
    const long value = 1 + dice_.roll(1000);
    switch (dice_.roll(is_fiber_ ? 4 : 2)) {
      case 0:
        world_.unbounded.first.send(value);
        break;
      case 1:
        if (!world_.bounded.first.try_send(value)) return;
        break;
      // All could wait for room at once, and nobody make any: so these have a limit.
      case 2:
        if (!in_time([&] { world_.bounded.first.send(value); })) return;
        break;
      case 3: {
        std::optional<sync::mpsc::Permit<long>> permit;
        if (!in_time([&] { permit.emplace(world_.bounded.first.reserve()); })) return;
        pause();
        if (dice_.roll(4) == 0) return;
        permit->send(value);
        break;
      }
    }
    world_.sent += value;
  }

  template <class F>
  bool in_time(F f) {
    try {
      runtime::timeout(dice_.moment(), f);
      return true;
    } catch (const runtime::Elapsed&) {
      return false;
    }
  }

  void receive(sync::Mutex& end, sync::mpsc::Receiver<long>& receiver) {
    const std::unique_lock lock(end, dice_.moment());
    if (!lock.owns_lock()) return;
    const auto value = dice_.roll(4) == 0 ? receiver.try_recv() : receiver.recv_for(dice_.moment());
    if (value) world_.received += *value;
  }

  void ask() {
    auto [answer, mine] = sync::oneshot::channel<long>();
    world_.questions.first.send(std::move(answer));
    const auto got = mine.recv_for(dice_.moment());
    world_.check(!got || *got == 42);
  }

  void answer() {
    const std::unique_lock lock(world_.questions_end, dice_.moment());
    if (!lock.owns_lock()) return;
    auto question = world_.questions.second.try_recv();
    if (!question) return;
    try {
      question->send(42);
    } catch (const runtime::Error& error) {
      world_.check(error.code() == runtime::Errc::closed);  // whoever asked has gone
    }
  }

  void speak() {
    const std::lock_guard lock(world_.speaking);
    const long number = ++world_.said;
    world_.news.first.send(number);
    world_.state.first.send({number, number});
  }

  void listen() {
    try {
      const auto number = dice_.roll(2) == 0 ? news_.try_recv() : news_.recv_for(dice_.moment());
      if (!number) return;
      world_.check(last_heard_ == 0 ? *number > 0 : *number == last_heard_ + 1);
      last_heard_ = *number;
    } catch (const runtime::Lagged& lagged) {
      if (last_heard_ != 0) last_heard_ += static_cast<long>(lagged.missed());
    }
  }

  void look() {
    if (dice_.roll(2) == 0 && is_fiber_) {
      if (!in_time([this] { static_cast<void>(state_.changed()); })) return;
    }
    const auto [one, other] = state_.borrow_and_update();
    world_.check(one == other && one >= last_seen_);
    last_seen_ = one;
  }

  // Two numbers that are equal whenever nobody holds what guards them, however the holder's visit ends.
  struct Pair {
    long& one;
    long& other;
    Pair(long& a, long& b) : one(a), other(b) { ++one; }
    ~Pair() { ++other; }
  };

  World& world_;
  Dice dice_;
  const bool is_fiber_;
  sync::broadcast::Receiver<long> news_;
  sync::watch::Receiver<std::pair<long, long>> state_;
  long last_heard_ = 0, last_seen_ = 0;
};

void live_in_a_runtime(World& world, std::uint64_t seed, int phases, std::atomic<int>& fibers_alive) {
  runtime::LocalRuntime rt;
  rt.block_on([&] {
    std::vector<runtime::JoinHandle<void>> fibers;
    for (unsigned i = 0; i < kFibers; ++i) {
      fibers.push_back(runtime::spawn_local([&world, seed, i, phases, &fibers_alive] {
        Actor(world, seed + i, true).live_through(phases);
        --fibers_alive;
      }));
    }
    Dice dice(seed + 100);
    for (std::uint64_t victims = 0; fibers_alive != 0; ++victims) {
      auto victim = runtime::spawn_local([&world, seed, victims] {
        Actor actor(world, seed + 1000 + victims, true);
        for (;;) actor.act();
      });
      runtime::sleep_for(dice.moment());
      victim.abort();
      CHECK_THROWS_AS(victim.join(), runtime::JoinError);
    }
    for (auto& fiber : fibers) fiber.join();
  });
  test::check_quiet(rt.metrics());
}

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "everything at once: nothing is lost, doubled or left behind") {
  const std::uint64_t seed = from_environment("RUNTIME_STRESS_SEED", std::random_device()());
  const int phases = static_cast<int>(from_environment("RUNTIME_STRESS_PHASES", 60));
  std::printf("RUNTIME_STRESS_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  World world;
  for (int i = 0; i < phases; ++i) world.cells.push_back(std::make_unique<sync::OnceCell<long>>());
  world.token.notify_one();
  std::atomic<int> one_alive{kFibers}, other_alive{kFibers};

  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&world, seed, i, phases] { Actor(world, seed + 10 * (i + 1), false).live_through(phases); });
  }
  threads.emplace_back([&] { live_in_a_runtime(world, seed + 100'000, phases, one_alive); });
  live_in_a_runtime(world, seed + 200'000, phases, other_alive);
  for (std::thread& thread : threads) thread.join();

  CHECK(world.good);
  CHECK(world.left == world.right);
  CHECK(world.first == world.second);
  CHECK(world.semaphore.available_permits() == kPermits);
  CHECK(world.token.notified_for(0ms));
  CHECK_FALSE(world.token.notified_for(0ms));
  CHECK(world.bounded.first.capacity() == 4 - world.bounded.second.len());
  while (const auto value = world.bounded.second.try_recv()) world.received += *value;
  while (const auto value = world.unbounded.second.try_recv()) world.received += *value;
  CHECK(world.received == world.sent);
  CHECK(world.leaders == phases);
  CHECK(world.filled == phases);
  for (sync::Mutex* mutex : {&world.mutex, &world.queue_mutex, &world.bounded_end, &world.unbounded_end}) {
    CHECK(mutex->try_lock());
    mutex->unlock();
  }
  CHECK(world.rwlock.try_lock());
  world.rwlock.unlock();
}

}  // namespace sync_random
