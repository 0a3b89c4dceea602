// A process of one thread, and the moment in which it gets a second: objects of sync and sockets are changed without locked
// instructions before, and what was locked, awaited or under way goes on with them. Nothing here may start a thread
// before the test that says so.

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include "support/sleeping_thread.hpp"
#include "sync_support.hpp"

using namespace api_test;
namespace net = runtime::net;

namespace {

constexpr int kRounds = 500;

bool is_alone() {
#if __has_include(<sys/single_threaded.h>)
  return __libc_single_threaded != 0;
#else
#error "this C library does not tell: leave this test out"
#endif
}

/// Everything that has a lock, used by tasks that wait for one another.
int exchange() {
  sync::Mutex mutex;
  sync::ConditionVariable changed;
  sync::Semaphore permits(1);
  sync::Notify news;
  auto [sender, receiver] = sync::mpsc::channel<int>(1);
  int turn = 0, sum = 0;
  const auto in_turn = [&](int mine) {
    return runtime::spawn_local([&, mine] {
      for (int i = 0; i < kRounds; ++i) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return turn == mine; });
        turn = 1 - mine;
        changed.notify_one();
      }
    });
  };
  auto here = in_turn(0), there = in_turn(1);
  auto sending = runtime::spawn_local([&, &sender = sender] {
    for (int i = 0; i < kRounds; ++i) {
      const auto permit = permits.acquire();
      sender.send(1);
      news.notify_one();
    }
  });
  auto receiving = runtime::spawn_local([&, &receiver = receiver] {
    for (int i = 0; i < kRounds; ++i) {
      news.notified();
      sum += *receiver.recv();
    }
  });
  here.join(), there.join(), sending.join(), receiving.join();
  return sum;
}

/// As Checked, which starts a thread.
struct Alone {
  Alone() { ::alarm(40); }
  ~Alone() {
    const Handle handle = rt.handle();
    { const LocalRuntime gone(std::move(rt)); }
    check_nothing_left(handle);
    ::alarm(0);
  }
  LocalRuntime rt;
};

}  // namespace

TEST_CASE("with one thread: locks, channels and sockets work, and none of it starts a second") {
  Alone house;
  house.rt.block_on([] {
    CHECK(exchange() == kRounds);
    const auto [a, b] = net::UnixStream::pair();
    char byte = 'x';
    for (int i = 0; i < kRounds; ++i) {
      a.write_all(&byte, 1);
      b.read_exact(&byte, 1);
    }
  });
  CHECK(is_alone());
}

TEST_CASE("what one thread has locked, awaits or reads, a second one finds so") {
  Alone house;
  sync::Mutex mutex, contended;
  sync::Notify news;
  std::optional<net::UnixStream> stream;
  std::atomic<bool> is_last{false};
  std::string order;
  house.rt.block_on([&] {
    auto [mine, peer] = net::UnixStream::pair();
    stream.emplace(std::move(mine));
    mutex.lock();
    contended.lock();
    auto waiting = runtime::spawn_local([&] {
      const std::lock_guard lock(contended);
      order += 't';
    });
    auto listening = runtime::spawn_local([&] { news.notified(); });
    auto reading = runtime::spawn_local([&] {
      char byte;
      return os_error_of([&] { stream->read(&byte, 1); });
    });
    settle();
    bool is_locked = false;
    sync::Notify told;
    CHECK(is_alone());
    test::SleepingThread second([&] {
      is_locked = !mutex.try_lock();
      told.notify_one();
      mutex.lock();  // until the root gives it back
      mutex.unlock();
      news.notify_one();
      stream.reset();
      is_last = true;
      const std::lock_guard lock(contended);  // behind the task
      order += 's';
    });
    CHECK_FALSE(is_alone());
    told.notified();
    CHECK(is_locked);
    mutex.unlock();
    listening.join();
    CHECK(reading.join() == EBADF);
    CHECK(eventually([&] { return is_last && second.is_asleep_in_a_lock(); }));
    contended.unlock();
    waiting.join();
    second.join();
  });
  CHECK(order == "ts");
}

TEST_CASE("with two threads the same works as it did with one") {
  Checked house;
  Thread other([] { runtime::run([] { CHECK(exchange() == kRounds); }); });
  house.rt.block_on([] { CHECK(exchange() == kRounds); });
  other.join();
}
