#include "context/idle_bell.hpp"

#include <atomic>
#include <thread>

#include <doctest/doctest.h>

#include "support/leak_check.hpp"

using namespace runtime;
using context::Context;
using context::IdleBell;

namespace {

/// A job that ends when it is told to.
class HeldJob final : public blocking::Job {
 public:
  void run() noexcept override {
    while (!release) std::this_thread::yield();
  }
  void cancel() noexcept override {}
  std::atomic<bool> release{false};
};

struct Fixture : test::LeakCheck {
  driver::Driver driver;
  blocking::Pool pool{blocking::PoolOptions{}};
  const Context context{nullptr, &driver, &pool};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the end of the last job ends the driver's sleep") {
  for (int i = 0; i < 200; ++i) {
    HeldJob job;
    REQUIRE(pool.submit(job) == 0);
    IdleBell bell(context);
    CHECK_FALSE(bell.listen());
    CHECK_FALSE(bell.has_rung());
    job.release = true;
    // A sleep may end early: by the ring of the time before, when its bell was heard without sleeping.
    const base::Nanos limit = base::deadline_after(20'000'000'000);
    while (!bell.has_rung() && base::monotonic_now() < limit) driver.park(limit, [&] { return !bell.has_rung(); });
    REQUIRE(base::monotonic_now() < limit);
  }
}

TEST_CASE_FIXTURE(Fixture, "an idle pool rings no bell") {
  IdleBell bell(context);
  CHECK(bell.listen());
  CHECK_FALSE(bell.has_rung());
}

TEST_CASE_FIXTURE(Fixture, "a bell that has gone is not rung") {
  HeldJob job;
  REQUIRE(pool.submit(job) == 0);
  {
    IdleBell bell(context);
    CHECK_FALSE(bell.listen());
  }
  IdleBell next(context);
  CHECK_FALSE(next.listen());
  job.release = true;
  driver.park(base::deadline_after(20'000'000'000), [&] { return !next.has_rung(); });
  CHECK(next.has_rung());
}
