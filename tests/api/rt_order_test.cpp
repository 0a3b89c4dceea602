// Who has the next turn.

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

TEST_CASE("tasks start in the order in which they were spawned, through every way of the owner thread") {
  Checked house;
  std::vector<int> order;
  house.rt.block_on([&] {
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 300; ++i) {
      const auto note = [&order, i] { order.push_back(i); };
      switch (i % 5) {
        case 0: tasks.push_back(runtime::spawn_local(note)); break;
        case 1: tasks.push_back(runtime::spawn(note)); break;
        case 2: tasks.push_back(Handle::current().spawn(note)); break;
        case 3: tasks.push_back(runtime::TaskBuilder().stack_size(65536).spawn(note)); break;
        default: tasks.push_back(Handle::current().spawn_local(note)); break;
      }
    }
    for (auto& task : tasks) task.join();
  });
  CHECK(order == numbers(300));
  CHECK(house.rt.metrics().remote_schedule_count() == 0);
}

TEST_CASE("tasks that yield take turns") {
  Checked house(Builder().event_interval(1000));
  std::vector<int> order, expected;
  house.rt.block_on([&] {
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 5; ++i) {
      tasks.push_back(runtime::spawn_local([&order, i] {
        for (int turn = 0; turn < 10; ++turn) {
          order.push_back(i);
          runtime::yield_now();
        }
      }));
    }
    for (auto& task : tasks) task.join();
  });
  for (int turn = 0; turn < 10; ++turn) {
    for (int i = 0; i < 5; ++i) expected.push_back(i);
  }
  CHECK(order == expected);
}

TEST_CASE("who yields goes behind all who are ready, new ones and woken ones alike") {
  Checked house;
  std::string order;
  house.rt.block_on([&] {
    auto yields = runtime::spawn_local([&] {
      runtime::yield_now();  // behind the next one
      order += 'y';
    });
    auto spawns = runtime::spawn_local([&] {
      runtime::spawn_local([&] { order += 'n'; });
      order += 's';
      runtime::yield_now();
      order += 'S';
    });
    spawns.join();
    yields.join();
  });
  CHECK(order == "synS");
}

TEST_CASE("the root has its turn after at most event_interval resumes") {
  static constexpr int kInterval = 7;
  Checked house(Builder().event_interval(kInterval));
  house.rt.block_on([] {
    int resumes = 0;
    std::vector<JoinHandle<void>> tasks;
    for (int i = 0; i < 5; ++i) {
      tasks.push_back(runtime::spawn_local([&] {
        for (;;) {
          ++resumes;
          runtime::yield_now();
        }
      }));
    }
    for (int turn = 0; turn < 20; ++turn) {
      const int before = resumes;
      runtime::yield_now();
      CHECK(resumes - before <= kInterval);
      CHECK(resumes > before);
    }
    for (auto& task : tasks) task.abort();
  });
}

TEST_CASE("a root that waits has its turn, too, soon after its news") {
  static constexpr int kInterval = 9;
  Checked house(Builder().event_interval(kInterval));
  house.rt.block_on([] {
    int resumes = 0, at_end = -1;
    auto busy = runtime::spawn_local([&] {
      for (;;) {
        ++resumes;
        runtime::yield_now();
      }
    });
    auto ends = runtime::spawn_local([&] {
      for (int i = 0; i < 20; ++i) runtime::yield_now();
      at_end = resumes;
    });
    ends.join();
    CHECK(resumes - at_end <= kInterval);
    busy.abort();
  });
}

TEST_CASE("every global_queue_interval-th resume takes what another thread spawned, before the local queue is empty") {
  constexpr int kInterval = 4;
  Checked house(Builder().global_queue_interval(kInterval).event_interval(1000));
  std::vector<int> order;
  house.rt.block_on([&] {
    std::vector<JoinHandle<void>> local, remote;
    for (int i = 0; i < 30; ++i) local.push_back(runtime::spawn_local([&order, i] { order.push_back(i); }));
    std::thread([&, handle = Handle::current()] {
      for (int i = 0; i < 3; ++i) remote.push_back(handle.spawn([&order, i] { order.push_back(100 + i); }));
    }).join();
    for (auto& task : local) task.join();
    for (auto& task : remote) task.join();
  });
  CHECK(order.size() == 33);
  std::size_t before = 0;
  for (int i = 0; i < 3; ++i) {
    const auto at = static_cast<std::size_t>(std::find(order.begin(), order.end(), 100 + i) - order.begin());
    CHECK(at - before <= kInterval);
    before = at;
  }
  std::vector<int> local;
  std::copy_if(order.begin(), order.end(), std::back_inserter(local), [](int i) { return i < 100; });
  CHECK(local == numbers(30));  // FIFO among themselves
}

TEST_CASE("with a long global_queue_interval, other threads' tasks wait until the local queue is empty, in order") {
  Checked house(Builder().global_queue_interval(1000).event_interval(2000));
  std::vector<int> order;
  house.rt.block_on([&] {
    std::vector<JoinHandle<void>> tasks;
    std::thread([&, handle = Handle::current()] {
      for (int i = 20; i < 40; ++i) tasks.push_back(handle.spawn([&order, i] { order.push_back(i); }));
    }).join();
    for (int i = 0; i < 20; ++i) tasks.push_back(runtime::spawn_local([&order, i] { order.push_back(i); }));
    for (auto& task : tasks) task.join();
  });
  CHECK(order == numbers(40));
}

TEST_CASE("what the driver wakes runs before those who yielded") {
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()) == 0);
  {
    constexpr int kInterval = 10, kBusy = 8;
    Checked house(Builder().event_interval(kInterval));
    house.rt.block_on([&] {
      int turns = 0, turns_at_write = -1, turns_at_read = -1;
      auto reader = runtime::spawn_local([&] {
        char byte;
        CHECK(::runtime_read(fds[0], &byte, 1) == 1);
        turns_at_read = turns;
      });
      settle();
      runtime::sleep_for(100us);
      std::vector<JoinHandle<void>> busy;
      for (int i = 0; i < kBusy; ++i) {
        busy.push_back(runtime::spawn_local([&, i] {
          while (turns_at_read < 0) {
            if (i == 0 && turns_at_write < 0) {
              turns_at_write = turns;
              CHECK(::send(fds[1], "x", 1, 0) == 1);
            }
            ++turns;
            runtime::yield_now();
          }
        }));
      }
      for (auto& task : busy) task.join();
      reader.join();
      // One interval until the driver is looked at; then it is the reader's turn, not that of those in between.
      CHECK(turns_at_read - turns_at_write <= kInterval);
    });
  }
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_CASE("a thousand tasks that yield have equal shares") {
  Checked house;
  house.rt.block_on([] {
    std::vector<int> turns(1000);
    std::vector<JoinHandle<void>> tasks;
    for (auto& mine : turns) {
      tasks.push_back(runtime::spawn_local([&mine] {
        for (;; ++mine) runtime::yield_now();
      }));
    }
    for (int i = 0; i < 500; ++i) runtime::yield_now();
    const auto [least, most] = std::minmax_element(turns.begin(), turns.end());
    CHECK(*least > 10);
    CHECK(*most - *least <= 1);
    for (auto& task : tasks) task.abort();
  });
}
