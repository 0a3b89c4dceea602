// Semaphore: counting, order, closing, cancellation.

#include "sync_support.hpp"

using namespace api_test;
using Permit = sync::SemaphorePermit;

TEST_CASE("permits are taken, come back with their owner, and can be forgotten") {
  const Limits limits;
  sync::Semaphore semaphore(3);
  {
    const Permit one = semaphore.acquire();
    Permit two = semaphore.acquire_many(2);
    CHECK(one.num_permits() == 1);
    CHECK(two.num_permits() == 2);
    CHECK(semaphore.available_permits() == 0);
    CHECK_FALSE(semaphore.try_acquire());
    Permit moved = std::move(two);
    CHECK(two.num_permits() == 0);
    moved.forget();
    CHECK(moved.num_permits() == 0);
  }
  CHECK(semaphore.available_permits() == 1);
  auto first = semaphore.try_acquire();
  REQUIRE(first);
  CHECK_FALSE(semaphore.try_acquire_many(2));
  first.reset();
  CHECK(semaphore.try_acquire_many(1).has_value());
  Permit a = semaphore.acquire();
  a = semaphore.acquire_many(0);
  CHECK(semaphore.available_permits() == 1);
}

TEST_CASE("permits are added and forgotten, as many as there are") {
  sync::Semaphore semaphore(0);
  semaphore.add_permits(5);
  CHECK(semaphore.available_permits() == 5);
  CHECK(semaphore.forget_permits(3) == 3);
  CHECK(semaphore.forget_permits(9) == 2);
  CHECK(semaphore.forget_permits(1) == 0);
  constexpr std::size_t kMost = sync::Semaphore::kMaxPermits;
  CHECK(code_of([] { sync::Semaphore{kMost + 1}; }) == Errc::invalid_argument);
  sync::Semaphore full(kMost);
  CHECK(full.available_permits() == kMost);
  CHECK(code_of([&] { full.add_permits(1); }) == Errc::invalid_argument);
  CHECK(code_of([&] { static_cast<void>(full.acquire_many(kMost + 1)); }) == Errc::invalid_argument);
  CHECK(full.try_acquire_many(kMost).has_value());
}

TEST_CASE("whoever wants many and stands first collects what comes, and those behind him wait") {
  Checked house;
  house.rt.block_on([] {
    sync::Semaphore semaphore(1);
    std::string order;
    const auto taker = [&](char name, std::size_t n) {
      return spawn_settled([&order, &semaphore, name, n] {
        const Permit permit = semaphore.acquire_many(n);
        order += name;
      });
    };
    auto big = taker('b', 3), small = taker('s', 1), last = taker('l', 1);
    CHECK(semaphore.available_permits() == 0);  // the first has what there was
    CHECK_FALSE(semaphore.try_acquire());
    semaphore.add_permits(1);
    settle();
    CHECK(order.empty());
    semaphore.add_permits(1);
    CHECK(semaphore.available_permits() == 0);
    last.join();
    CHECK(order == "bsl");
    big.join();
    small.join();
    CHECK(semaphore.available_permits() == 3);
  });
}

TEST_CASE("one who is aborted passes on what he has collected, and what was given to him") {
  Checked house;
  house.rt.block_on([] {
    sync::Semaphore semaphore(2);
    auto big = spawn_settled([&] { const Permit permit = semaphore.acquire_many(5); });
    auto small = spawn_settled([&] { const Permit permit = semaphore.acquire_many(2); });
    big.abort();
    CHECK(was_cancelled(big));
    small.join();
    CHECK(semaphore.available_permits() == 2);

    Permit all = semaphore.acquire_many(2);
    auto granted = spawn_settled([&] { const Permit permit = semaphore.acquire(); });
    auto next = spawn_settled([&] { const Permit permit = semaphore.acquire_many(2); });
    all = Permit(semaphore.acquire_many(0));
    granted.abort();
    CHECK(was_cancelled(granted));
    next.join();
    CHECK(semaphore.available_permits() == 2);
  });
}

TEST_CASE("closing refuses those who wait and all who come, and leaves the permits that are out") {
  Checked house;
  house.rt.block_on([] {
    sync::Semaphore semaphore(2);
    {
      const Permit kept = semaphore.acquire();
      auto waiter = spawn_settled([&] {
        CHECK(code_of([&] { static_cast<void>(semaphore.acquire_many(4)); }) == Errc::closed);
      });
      CHECK_FALSE(semaphore.is_closed());
      semaphore.close();
      waiter.join();
      CHECK(semaphore.is_closed());
      CHECK(semaphore.available_permits() == 1);  // what the waiter had collected
      CHECK(code_of([&] { static_cast<void>(semaphore.acquire()); }) == Errc::closed);
      CHECK(code_of([&] { static_cast<void>(semaphore.try_acquire()); }) == Errc::closed);
    }
    semaphore.add_permits(1);
    CHECK(semaphore.available_permits() == 3);
    semaphore.close();
  });
}

TEST_CASE("acquire is a suspension point, try_acquire is none") {
  Checked house;
  house.rt.block_on([] {
    sync::Semaphore semaphore(1);
    CHECK(is_suspension_point([&] { static_cast<void>(semaphore.acquire()); }));
    CHECK_FALSE(is_suspension_point([&] { static_cast<void>(semaphore.try_acquire()); }));
    CHECK(semaphore.available_permits() == 1);
  });
}

TEST_CASE("fibers of two runtimes and plain threads are never more than the permits allow") {
  constexpr int kEach = 300;
  Checked house;
  sync::Semaphore semaphore(3);
  std::atomic<int> inside{0}, most{0};
  const auto work = [&] {
    for (int i = 0; i < kEach; ++i) {
      const std::size_t n = 1 + i % 3;
      const Permit permit = semaphore.acquire_many(n);
      const int now = inside += static_cast<int>(n);
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      if (i % 8 == 0) runtime::yield_now();
      inside -= static_cast<int>(n);
    }
  };
  const auto fibers = [&] {
    auto a = runtime::spawn_local(work), b = runtime::spawn_local(work);
    a.join();
    b.join();
  };
  OtherRuntime other(fibers);
  Thread plain(work);
  house.rt.block_on(fibers);
  other.join();
  plain.join();
  CHECK(most <= 3);
  CHECK(semaphore.available_permits() == 3);
}
