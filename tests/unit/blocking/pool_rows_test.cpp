// Rows of jobs that one thread submits before it sleeps, where it and the pool have one processor for all.

#include <atomic>
#include <deque>

#include <doctest/doctest.h>

#include "blocking/pool.hpp"
#include "support/eventually.hpp"
#include "support/leak_check.hpp"
#include "support/one_processor.hpp"

using namespace runtime::blocking;

namespace {

class CountingJob final : public Job {
 public:
  void run() noexcept override { ++runs; }
  void cancel() noexcept override {}

  std::atomic<int> runs{0};
};

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck,
                  "each job of a long row runs once, whether the sleep that it was submitted before comes or not") {
  const test::OneProcessor here;
  Pool pool({.max_threads = 2});
  constexpr int kRows = 150, kJobs = 300;  // more than make a row long
  for (int row = 0; row < kRows; ++row) {
    std::deque<CountingJob> jobs(kJobs);
    for (CountingJob& job : jobs) REQUIRE(pool.submit_before_sleep(job) == 0);
    if (row % 2 == 0) pool.wake_now();
    const bool all_ran = test::eventually([&] { return pool.counts().queued == 0 && pool.counts().running == 0; });
    if (!all_ran) pool.close();  // it knows the jobs
    REQUIRE(all_ran);
    int wrong = 0;
    for (const CountingJob& job : jobs) wrong += job.runs == 1 ? 0 : 1;
    CHECK(wrong == 0);
  }
  pool.close();
  CHECK(pool.wait_for_threads(runtime::base::kForever));
}
