// Every primitive of runtime::sync under fibers of two runtimes and four plain threads at once, with limits that run
// out and tasks that are aborted in the middle of their waits. Nothing may be lost, doubled or left behind; a wake that
// is lost lets something here wait for ever. ThreadSanitizer watches the hand-overs.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <runtime/runtime.hpp>

#include "everywhere.hpp"
#include "support/leak_check.hpp"

namespace sync_stress {

TEST_CASE_FIXTURE(test::LeakCheck, "a mutex has one holder at a time, through limits and aborts") {
  sync::Mutex mutex;
  long count = 0;
  std::atomic<long> expected{0};
  everywhere(
      [&](int, Random& random) {
        for (int i = 0; i < kEach; ++i) {
          std::unique_lock lock(mutex, std::defer_lock);
          if (random() % 4 != 0) {
            lock.lock();
          } else if (!lock.try_lock_for(std::chrono::microseconds(random() % 50))) {
            continue;
          }
          const long before = count;
          give_way_sometimes(random);
          count = before + 1;
          ++expected;
        }
      },
      [&] {
        const std::lock_guard guard(mutex);
        runtime::yield_now();
      });
  CHECK(count == expected);
  CHECK(mutex.try_lock());
  mutex.unlock();
}

TEST_CASE_FIXTURE(test::LeakCheck, "a read-write lock has one writer or readers, through limits and aborts") {
  sync::RwLock lock;
  long left = 0, right = 0;
  std::atomic<bool> good{true};
  everywhere(
      [&](int, Random& random) {
        for (int i = 0; i < kEach; ++i) {
          if (random() % 3 == 0) {
            std::unique_lock writer(lock, std::defer_lock);
            if (random() % 4 != 0) {
              writer.lock();
            } else if (!writer.try_lock_for(std::chrono::microseconds(random() % 50))) {
              continue;
            }
            ++left;
            give_way_sometimes(random);
            ++right;
          } else {
            const std::shared_lock reader(lock, std::chrono::microseconds(random() % 200));
            if (!reader.owns_lock()) continue;
            give_way_sometimes(random);
            if (left != right) good = false;
          }
        }
      },
      [&] {
        { const std::unique_lock writer(lock); }
        const std::shared_lock reader(lock);
        runtime::yield_now();
      });
  CHECK(good);
  CHECK(lock.try_lock());
  lock.unlock();
}

TEST_CASE_FIXTURE(test::LeakCheck, "a semaphore loses no permit and gives none twice") {
  constexpr std::size_t kPermits = 5;
  sync::Semaphore semaphore(kPermits);
  std::atomic<std::size_t> out{0};
  std::atomic<bool> good{true};
  everywhere(
      [&](int, Random& random) {
        for (int i = 0; i < kEach; ++i) {
          const std::size_t n = 1 + random() % kPermits;
          const auto permit = semaphore.acquire_many(n);
          if ((out += n) > kPermits) good = false;
          give_way_sometimes(random);
          out -= n;
        }
      },
      [&] {
        const auto permit = semaphore.acquire_many(kPermits);
        runtime::yield_now();
      });
  CHECK(good);
  CHECK(semaphore.available_permits() == kPermits);
}

TEST_CASE_FIXTURE(test::LeakCheck, "every notify_one of a token ends one wait for it: none is lost through limits and aborts") {
  sync::Notify notify;
  notify.notify_one();
  std::atomic<int> holders{0};
  std::atomic<bool> good{true};
  everywhere(
      [&](int, Random& random) {
        for (int i = 0; i < kEach; ++i) {
          if (random() % 4 != 0) {
            notify.notified();
          } else if (!notify.notified_for(std::chrono::microseconds(random() % 50))) {
            continue;
          }
          if (++holders != 1) good = false;
          give_way_sometimes(random);
          --holders;
          random() % 2 == 0 ? notify.notify_one() : notify.notify_last();
        }
      },
      [&] {
        notify.notified();
        notify.notify_one();  // between the two nothing waits, so no abort comes in
        runtime::yield_now();
      });
  CHECK(good);
  CHECK(notify.notified_for(0ms));
  CHECK_FALSE(notify.notified_for(0ms));
}

TEST_CASE_FIXTURE(test::LeakCheck, "a queue of a mutex and two condition variables loses nothing") {
  constexpr std::size_t kMost = 3;
  sync::Mutex mutex;
  sync::ConditionVariable has_room, has_items;
  std::vector<int> items;
  long pushed = 0, popped = 0;
  everywhere(
      [&](int number, Random& random) {
        for (int i = 0; i < kEach; ++i) {
          std::unique_lock lock(mutex);
          if (number % 2 == 0) {
            has_room.wait(lock, [&] { return items.size() < kMost; });
            items.push_back(i);
            pushed += i;
            has_items.notify_one();
          } else {
            while (!has_items.wait_for(lock, std::chrono::microseconds(random() % 100), [&] { return !items.empty(); })) {
            }
            popped += items.back();
            items.pop_back();
            has_room.notify_one();
          }
        }
      },
      [&] {
        std::unique_lock lock(mutex);
        has_items.wait(lock);
        has_items.notify_one();  // it was not for us
        lock.unlock();
        runtime::yield_now();
      });
  CHECK(items.empty());
  CHECK(pushed == popped);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a bounded channel delivers what its senders were told it has taken, each sender's in order") {
  auto [tx, rx] = sync::mpsc::channel<std::pair<int, std::unique_ptr<int>>>(4);
  std::vector<int> sent(kAll, 0), received(kAll, 0);
  std::atomic<long> extra{0};
  bool in_order = true;
  long extra_received = 0;
  std::thread receiver([&, rx = std::move(rx)]() mutable {
    while (auto value = rx.recv()) {
      if (value->first < 0) {
        ++extra_received;
      } else {
        in_order &= *value->second == received[static_cast<std::size_t>(value->first)]++;
      }
    }
  });
  {
    const auto sender = std::move(tx);
    everywhere(
        [&](int number, Random& random) {
          int& mine = sent[static_cast<std::size_t>(number)];
          for (int i = 0; i < kEach; ++i) {
            const auto kind = random() % 3;
            auto value = std::pair(number, std::make_unique<int>(mine));
            if (kind == 0) {
              if (!sender.try_send(std::move(value))) continue;
            } else if (kind == 1) {
              auto permit = sender.reserve();
              give_way_sometimes(random);
              if (random() % 4 == 0) continue;
              permit.send(std::move(value));
            } else {
              sender.send(std::move(value));
            }
            ++mine;
          }
        },
        [&] {
          sender.send({-1, nullptr});
          ++extra;
          auto permit = sender.reserve();
          runtime::yield_now();
        });
    CHECK(sender.capacity() <= 4);
  }
  receiver.join();
  CHECK(in_order);
  CHECK(received == sent);
  CHECK(extra_received == extra);
}

TEST_CASE_FIXTURE(test::LeakCheck, "an unbounded channel loses nothing while its receiver changes the place and is aborted") {
  auto [tx, rx] = sync::mpsc::unbounded_channel<long>();
  std::atomic<long> sent{0};
  long received = 0;
  std::thread receiver([&, rx = std::move(rx)]() mutable {
    runtime::LocalRuntime rt;
    rt.block_on([&] {
      bool is_over = false;
      while (!is_over) {
        auto task = runtime::spawn_local([&] {
          while (auto value = rx.recv()) received += *value;
          is_over = true;
        });
        runtime::sleep_for(50us);
        task.abort();
        task.wait();
        const auto rest = rx.recv_for(10us);
        if (rest) received += *rest;
      }
    });
  });
  {
    const auto sender = std::move(tx);
    everywhere(
        [&](int, Random& random) {
          for (int i = 0; i < kEach; ++i) {
            sender.send(i);
            sent += i;
            give_way_sometimes(random);
          }
        },
        [&] {
          sender.send(1);
          ++sent;
          runtime::yield_now();
        });
  }
  receiver.join();
  CHECK(received == sent);
}

TEST_CASE_FIXTURE(test::LeakCheck, "answers through oneshot channels arrive, or their sender hears that nobody waits") {
  struct Question {
    long number;
    sync::oneshot::Sender<long> answer;
  };
  auto [tx, rx] = sync::mpsc::channel<Question>(8);
  std::thread answering([&, rx = std::move(rx)]() mutable {
    runtime::run([&] {
      while (auto question = rx.recv()) {
        try {
          question->answer.send(question->number * 2);
        } catch (const runtime::Error& error) {
          CHECK(error.code() == runtime::Errc::closed);
        }
      }
    });
  });
  {
    const auto sender = std::move(tx);
    std::atomic<bool> good{true};
    everywhere(
        [&](int number, Random& random) {
          for (int i = 0; i < kEach / 2; ++i) {
            auto [answer_tx, answer_rx] = sync::oneshot::channel<long>();
            sender.send(Question{number + i, std::move(answer_tx)});
            const auto answer = random() % 3 == 0 ? answer_rx.recv_for(std::chrono::microseconds(random() % 50))
                                                  : answer_rx.recv();
            if (answer && *answer != 2 * (number + i)) good = false;
          }
        },
        [&] {
          auto [answer_tx, answer_rx] = sync::oneshot::channel<long>();
          sender.send(Question{1, std::move(answer_tx)});
          static_cast<void>(answer_rx.recv());
        });
    CHECK(good);
  }
  answering.join();
}

TEST_CASE_FIXTURE(test::LeakCheck, "broadcast receivers come, lag and go; what each gets, or misses, adds up") {
  auto [tx, first] = sync::broadcast::channel<std::shared_ptr<int>>(16);
  const auto counted = std::make_shared<int>(1);
  {
    const auto sender = std::move(tx);
    auto kept = std::move(first);
    everywhere(
        [&](int, Random& random) {
          auto receiver = sender.subscribe();
          for (int i = 0; i < kEach / 2; ++i) {
            if (random() % 2 == 0) {
              CHECK(sender.send(counted) >= 1);
            } else {
              try {
                const auto value = receiver.recv_for(std::chrono::microseconds(random() % 20));
                if (value) CHECK(*value == counted);
              } catch (const runtime::Lagged& lagged) {
                CHECK(lagged.missed() > 0);
              }
            }
            if (random() % 16 == 0) receiver = receiver.resubscribe();
          }
        },
        [&] {
          auto receiver = sender.subscribe();
          try {
            static_cast<void>(receiver.recv());
          } catch (const runtime::Lagged&) {
          }
          runtime::yield_now();
        });
  }
  CHECK(counted.use_count() == 1);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a watched value is whole whoever looks, and changes reach everybody") {
  auto [tx, rx] = sync::watch::channel(std::vector<long>(4, 0));
  std::atomic<long> version{0};
  std::atomic<bool> good{true};
  std::atomic<int> reached{0};
  {
    const auto sender = std::move(tx);
    everywhere(
        [&](int number, Random& random) {
          auto mine = sender.subscribe();
          for (int i = 0; i < kEach / 2; ++i) {
            if (number % 4 == 0) {
              sender.send(std::vector<long>(4, ++version));
            } else {
              mine.with([&](const std::vector<long>& value) {
                give_way_sometimes(random);
                for (const long part : value) {
                  if (part != value[0]) good = false;
                }
              });
            }
          }
          if (++reached == kAll) sender.send(std::vector<long>(4, -1));
          if (!mine.wait_for([](const std::vector<long>& value) { return value[0] == -1; })) good = false;
        },
        [&] {
          auto mine = sender.subscribe();
          static_cast<void>(mine.changed());
        });
  }
  CHECK(good);
  CHECK(rx.borrow()[0] == -1);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a barrier opens for all at once, a cell is filled once") {
  constexpr int kRounds = 100;
  sync::Barrier barrier(kAll);
  std::atomic<int> leaders{0}, made{0};
  std::vector<std::unique_ptr<sync::OnceCell<int>>> cells;
  for (int i = 0; i < kRounds; ++i) cells.push_back(std::make_unique<sync::OnceCell<int>>());
  std::atomic<bool> good{true};
  everywhere(
      [&](int number, Random& random) {
        for (int i = 0; i < kRounds; ++i) {
          const int got = cells[static_cast<std::size_t>(i)]->get_or_init([&] {
            ++made;
            give_way_sometimes(random);
            return number;
          });
          if (got < 0 || got >= kAll) good = false;
          leaders += barrier.wait().is_leader();
        }
      },
      [] { runtime::yield_now(); });
  CHECK(good);
  CHECK(leaders == kRounds);
  CHECK(made == kRounds);
}

}  // namespace sync_stress
