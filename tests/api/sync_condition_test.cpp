// ConditionVariable and OnceCell.

#include <memory>
#include <mutex>
#include <stdexcept>

#include "sync_support.hpp"

using namespace api_test;
using Steady = std::chrono::steady_clock;

namespace {

struct Queue {
  JoinHandle<void> waiter(char name) {
    return spawn_settled([this, name] {
      std::unique_lock lock(mutex);
      changed.wait(lock);
      CHECK(lock.owns_lock());
      order += name;
    });
  }
  sync::Mutex mutex;
  sync::ConditionVariable changed;
  std::string order;
};

}  // namespace

TEST_CASE("notify_one wakes the first who came, notify_all all of them, and nothing is kept") {
  Checked house;
  house.rt.block_on([] {
    Queue queue;
    queue.changed.notify_one();
    queue.changed.notify_all();
    auto a = queue.waiter('a'), b = queue.waiter('b'), c = queue.waiter('c');
    queue.changed.notify_one();
    a.join();
    CHECK(queue.order == "a");
    CHECK_FALSE(b.is_finished());
    queue.changed.notify_all();
    b.join();
    c.join();
    CHECK(queue.order == "abc");
  });
}

TEST_CASE("a wait with a predicate goes on until it is true, and does not wait if it is already") {
  Checked house;
  house.rt.block_on([] {
    Queue queue;
    int value = 0;
    auto task = spawn_settled([&] {
      std::unique_lock lock(queue.mutex);
      queue.changed.wait(lock, [&] { return value == 2; });
      queue.changed.wait(lock, [] { return true; });
    });
    for (const int unwanted : {1, 3}) {
      value = unwanted;
      queue.changed.notify_one();
      settle();
      CHECK_FALSE(task.is_finished());
    }
    value = 2;
    queue.changed.notify_one();
    task.join();
  });
}

TEST_CASE("a limit ends the wait with the mutex locked; a wake before it says so") {
  const auto timed = [] {
    sync::Mutex mutex;
    sync::ConditionVariable changed;
    std::unique_lock lock(mutex);
    const auto start = Steady::now();
    CHECK(changed.wait_for(lock, 1ms) == std::cv_status::timeout);
    CHECK_FALSE(changed.wait_for(lock, 1ms, [] { return false; }));
    CHECK(changed.wait_until(lock, Steady::now() + 1ms) == std::cv_status::timeout);
    CHECK_FALSE(changed.wait_until(lock, Steady::now() + 1ms, [] { return false; }));
    CHECK(Steady::now() - start >= 4ms);
    CHECK(changed.wait_for(lock, 1h, [] { return true; }));
    CHECK(lock.owns_lock());
    CHECK_FALSE(mutex.try_lock());
    CHECK(code_of([&] { changed.wait_for(lock, -1ms); }) == Errc::invalid_argument);
    bool is_set = false;
    Thread setter([&] {
      const std::lock_guard guard(mutex);
      is_set = true;
      changed.notify_one();
    });
    CHECK(changed.wait_for(lock, 1h, [&] { return is_set; }));
    lock.unlock();
  };
  Checked house;
  timed();
  house.rt.block_on([&] {
    timed();
    runtime::spawn_local(timed).join();
  });
}

TEST_CASE("one who is aborted has the mutex while he unwinds, and passes a notify_one on") {
  Checked house;
  house.rt.block_on([] {
    Queue queue;
    auto a = queue.waiter('a'), b = queue.waiter('b');
    queue.changed.notify_one();
    a.abort();
    CHECK(was_cancelled(a));
    b.join();
    CHECK(queue.order == "b");

    bool had_it = false;
    auto c = spawn_settled([&] {
      std::unique_lock lock(queue.mutex);
      const AtExit at_exit([&] { had_it = lock.owns_lock() && !queue.mutex.try_lock(); });
      queue.changed.wait(lock);
    });
    queue.mutex.lock();
    c.abort();
    settle();
    CHECK_FALSE(c.is_finished());  // it waits for the mutex
    queue.mutex.unlock();
    CHECK(was_cancelled(c));
    CHECK(had_it);
    CHECK(is_suspension_point([&] {
      std::unique_lock lock(queue.mutex);
      queue.changed.wait(lock);
    }));
    CHECK(queue.mutex.try_lock());
    queue.mutex.unlock();
  });
}

TEST_CASE("a wait with a mutex that is not one's own is refused") {
  const Limits limits;
  sync::Mutex mutex;
  sync::ConditionVariable changed;
  std::unique_lock lock(mutex, std::defer_lock);
  CHECK(code_of([&] { changed.wait(lock); }) == Errc::invalid_argument);
  lock.lock();
  Thread([&] { CHECK(code_of([&] { changed.wait(lock); }) == Errc::invalid_argument); }).join();
}

TEST_CASE("two runtimes and a plain thread hand numbers through one slot, none lost and none twice") {
  constexpr int kEach = 300;
  Checked house;
  sync::Mutex mutex;
  sync::ConditionVariable changed;
  std::optional<int> slot;
  long sum = 0;
  const auto produce = [&] {
    for (int i = 1; i <= kEach; ++i) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return !slot; });
      slot = i;
      changed.notify_all();
    }
  };
  OtherRuntime other([&] { runtime::spawn_local(produce).join(); });
  Thread plain(produce);
  house.rt.block_on([&] {
    runtime::spawn_local([&] {
      for (int i = 0; i < 2 * kEach; ++i) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return slot.has_value(); });
        sum += *slot;
        slot.reset();
        changed.notify_all();
      }
    }).join();
  });
  other.join();
  plain.join();
  CHECK(sum == long{kEach} * (kEach + 1));
}

TEST_CASE("a cell is filled once, by set or by the first initialiser") {
  const Limits limits;
  sync::OnceCell<std::string> cell;
  CHECK(cell.get() == nullptr);
  CHECK_FALSE(cell.initialized());
  CHECK(cell.get_or_init([] { return "first"; }) == "first");
  CHECK(cell.get_or_init([]() -> std::string { throw std::runtime_error("not called"); }) == "first");
  CHECK_FALSE(cell.set("second"));
  REQUIRE(cell.get() != nullptr);
  CHECK(*cell.get() == "first");
  sync::OnceCell<std::unique_ptr<int>> other;
  CHECK(other.set(std::make_unique<int>(4)));
  CHECK(other.initialized());
  CHECK(**other.get() == 4);
  int destroyed = 0;
  struct Counted {
    int& count;
    ~Counted() { ++count; }
  };
  {
    sync::OnceCell<std::unique_ptr<Counted>> counted;
    CHECK(counted.set(std::unique_ptr<Counted>(new Counted{destroyed})));
    sync::OnceCell<std::unique_ptr<Counted>> empty;
  }
  CHECK(destroyed == 1);
}

TEST_CASE("initialisers run one at a time; who waits gets the value of the first that succeeds") {
  Checked house;
  house.rt.block_on([] {
    sync::OnceCell<int> cell;
    int calls = 0;
    const auto failing = [&]() -> int {
      ++calls;
      runtime::sleep_for(1ms);
      throw std::runtime_error("not now");
    };
    auto fails = spawn_settled([&] { return cell.get_or_init(failing); });
    auto aborted = spawn_settled([&] {
      return cell.get_or_init([&]() -> int {
        ++calls;
        wait_for_ever();
        return 1;
      });
    });
    auto succeeds = spawn_settled([&] { return cell.get_or_init([&] { return ++calls; }); });
    auto waits = spawn_settled([&] { return cell.get_or_init([&] { return ++calls; }); });
    CHECK(calls == 1);
    CHECK_FALSE(cell.set(7));  // somebody is at it
    CHECK(cell.get() == nullptr);
    CHECK_THROWS_AS(fails.join(), std::runtime_error);
    settle();
    CHECK(calls == 2);
    aborted.abort();
    CHECK(was_cancelled(aborted));
    CHECK(succeeds.join() == 3);
    CHECK(waits.join() == 3);
    CHECK(calls == 3);
  });
}

TEST_CASE("an initialiser that asks for its own cell is refused, and a cell across threads is filled once") {
  Checked house;
  sync::OnceCell<int> own;
  house.rt.block_on([&] {
    CHECK(code_of([&] { own.get_or_init([&] { return own.get_or_init([] { return 1; }); }); }) ==
          Errc::would_deadlock);
  });
  CHECK_FALSE(own.initialized());
  std::atomic<int> calls{0};
  for (int round = 0; round < 50; ++round) {
    sync::OnceCell<int> cell;
    const auto ask = [&] {
      CHECK(cell.get_or_init([&] {
        ++calls;
        runtime::yield_now();
        return round;
      }) == round);
    };
    OtherRuntime other(ask);
    Thread plain(ask);
    house.rt.block_on(ask);
    other.join();
    plain.join();
    CHECK(calls == round + 1);
  }
}
