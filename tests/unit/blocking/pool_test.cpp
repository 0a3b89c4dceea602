#include "blocking/pool.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "support/eventually.hpp"
#include "support/leak_check.hpp"

using namespace runtime::blocking;
using runtime::base::deadline_after;
using runtime::base::kForever;
using runtime::base::Nanos;

namespace {

constexpr Nanos kMillisecond = 1'000'000;

/// A job that runs a function, and knows what became of it.
class TestJob final : public Job {
 public:
  explicit TestJob(std::function<void()> fn = [] {}) : fn_(std::move(fn)) {}
  void run() noexcept override {
    fn_();
    thread = ::gettid();
    ran = true;
  }
  void cancel() noexcept override { cancelled = true; }

  std::atomic<bool> ran{false};
  std::atomic<bool> cancelled{false};
  std::atomic<pid_t> thread{0};

 private:
  std::function<void()> fn_;
};

/// Jobs wait here until it is opened.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    open_now_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    open_now_.notify_all();
  }
  int waiting() {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable open_now_;
  int waiting_ = 0;    // guarded by mutex_
  bool open_ = false;  // guarded by mutex_
};

void shut_down(Pool& pool) {
  pool.close();
  CHECK(pool.wait_for_threads(kForever));
}

bool idle_again(Pool& pool) {
  return test::eventually([&] { return pool.counts().running == 0 && pool.counts().idle == pool.counts().threads; });
}

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck,
                  "no thread is started before there is work, and a pool thread bears the name, cut at 15 bytes") {
  PoolOptions options;
  options.thread_name = "a-name-of-twenty-bytes";
  Pool pool(options);
  CHECK(pool.counts().threads == 0);
  char name[32] = "";
  TestJob job([&] { ::pthread_getname_np(::pthread_self(), name, sizeof name); });
  CHECK(pool.submit(job) == 0);
  CHECK(test::eventually([&] { return job.ran.load(); }));
  CHECK(std::string(name) == "a-name-of-twent");
  CHECK(job.thread != ::gettid());
  shut_down(pool);
}

TEST_CASE_FIXTURE(test::LeakCheck,
                  "the pool grows as long as all are busy, to its limit; what is above it is queued and run") {
  PoolOptions options;
  options.max_threads = 3;
  Pool pool(options);
  Gate gate;
  std::deque<TestJob> jobs;
  for (int i = 0; i < 5; ++i) CHECK(pool.submit(jobs.emplace_back([&] { gate.pass(); })) == 0);
  CHECK(test::eventually([&] { return gate.waiting() == 3; }));
  const auto counts = pool.counts();
  CHECK(counts.threads == 3);
  CHECK(counts.running == 3);
  CHECK(counts.queued == 2);
  CHECK(counts.idle == 0);
  gate.open();
  for (const TestJob& job : jobs) CHECK(test::eventually([&] { return job.ran.load(); }));
  std::set<pid_t> threads;
  for (const TestJob& job : jobs) threads.insert(job.thread);
  CHECK(threads.size() == 3);
  CHECK(idle_again(pool));
  shut_down(pool);
}

TEST_CASE_FIXTURE(test::LeakCheck, "an idle thread is used before a new one is started") {
  Pool pool({});
  TestJob first, second;
  CHECK(pool.submit(first) == 0);
  CHECK(test::eventually([&] { return pool.counts().idle == 1; }));
  CHECK(pool.submit(second) == 0);
  CHECK(test::eventually([&] { return second.ran.load(); }));
  CHECK(first.thread == second.thread);
  CHECK(pool.counts().threads == 1);
  shut_down(pool);
}

TEST_CASE_FIXTURE(test::LeakCheck, "two jobs that come together while one thread is idle do not share it") {
  for (int round = 0; round < 30; ++round) {
    Pool pool({});
    TestJob warm_up;
    CHECK(pool.submit(warm_up) == 0);
    CHECK(test::eventually([&] { return pool.counts().idle == 1; }));
    // Each waits for the other: on one thread neither would end.
    std::atomic<int> met{0};
    const auto meet = [&] {
      ++met;
      CHECK(test::eventually([&] { return met == 2; }));
    };
    TestJob first(meet), second(meet);
    CHECK(pool.submit(first) == 0);
    CHECK(pool.submit(second) == 0);
    CHECK(test::eventually([&] { return first.ran && second.ran; }));
    shut_down(pool);
  }
}

TEST_CASE_FIXTURE(test::LeakCheck, "a thread that is idle for too long ends, and the next job gets another one") {
  PoolOptions options;
  options.keep_alive = 2 * kMillisecond;
  Pool pool(options);
  TestJob first, second;
  CHECK(pool.submit(first) == 0);
  CHECK(test::eventually([&] { return first.ran && pool.counts().threads == 0; }));
  CHECK(pool.counts().idle == 0);
  CHECK(pool.submit(second) == 0);
  CHECK(test::eventually([&] { return second.ran.load(); }));
  shut_down(pool);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a thread told to stay for ever stays") {
  PoolOptions options;
  options.keep_alive = kForever;
  Pool pool(options);
  TestJob first, second;
  CHECK(pool.submit(first) == 0);
  CHECK(test::eventually([&] { return first.ran.load(); }));
  // A thread whose time were over would be gone within these milliseconds.
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(pool.counts().threads == 1);
  CHECK(pool.submit(second) == 0);
  CHECK(test::eventually([&] { return second.ran.load(); }));
  CHECK(first.thread == second.thread);
  shut_down(pool);
}

TEST_CASE_FIXTURE(test::LeakCheck,
                  "close cancels what is queued, says how much, and takes nothing more; what runs goes on") {
  PoolOptions options;
  options.max_threads = 1;
  Pool pool(options);
  Gate gate;
  TestJob running([&] { gate.pass(); }), queued[3], late;
  CHECK(pool.submit(running) == 0);
  for (TestJob& job : queued) CHECK(pool.submit(job) == 0);
  CHECK(test::eventually([&] { return gate.waiting() == 1; }));
  CHECK(pool.close() == 3);
  for (const TestJob& job : queued) {
    CHECK(job.cancelled);
    CHECK_FALSE(job.ran);
  }
  CHECK(pool.submit(late) == ECANCELED);
  CHECK_FALSE(late.cancelled);
  CHECK_FALSE(pool.wait_for_threads(deadline_after(kMillisecond)));
  CHECK_FALSE(pool.wait_for_threads(0));
  CHECK(pool.counts().running == 1);
  gate.open();
  CHECK(pool.wait_for_threads(deadline_after(20'000 * kMillisecond)));
  CHECK(running.ran);
  CHECK(pool.counts().threads == 0);
  CHECK(pool.counts().queued == 0);
}

TEST_CASE_FIXTURE(test::LeakCheck, "mandatory jobs that are queued when the pool is closed are run, the others not") {
  PoolOptions options;
  options.max_threads = 1;
  Pool pool(options);
  Gate gate;
  std::vector<int> order;  // of the one thread
  TestJob running([&] { gate.pass(); }), queued[3], late;
  TestJob first([&] { order.push_back(1); }), second([&] { order.push_back(2); });
  for (TestJob* job : {&first, &second, &late}) job->is_mandatory = true;
  for (TestJob* job : {&running, &queued[0], &first, &queued[1], &second, &queued[2]}) CHECK(pool.submit(*job) == 0);
  CHECK(test::eventually([&] { return gate.waiting() == 1; }));
  CHECK(pool.close() == 3);
  CHECK(pool.counts().queued == 2);
  CHECK(pool.submit(late) == ECANCELED);
  CHECK_FALSE(pool.wait_for_threads(0));
  gate.open();
  CHECK(pool.wait_for_threads(deadline_after(20'000 * kMillisecond)));
  CHECK(order == std::vector<int>{1, 2});
  for (const TestJob& job : queued) CHECK(job.cancelled);
  CHECK_FALSE(first.cancelled);
  CHECK_FALSE(second.cancelled);
  CHECK_FALSE(late.ran);
  CHECK(pool.counts().queued == 0);
}

TEST_CASE_FIXTURE(test::LeakCheck, "a mandatory job of a pool that goes is run") {
  Gate gate;
  TestJob running([&] { gate.pass(); }), mandatory;
  mandatory.is_mandatory = true;
  PoolOptions options;
  options.max_threads = 1;
  {
    Pool pool(options);
    CHECK(pool.submit(running) == 0);
    CHECK(pool.submit(mandatory) == 0);
    CHECK(test::eventually([&] { return gate.waiting() == 1; }));
  }
  CHECK_FALSE(mandatory.ran);
  gate.open();
  CHECK(test::eventually([&] { return mandatory.ran.load(); }));
}

TEST_CASE_FIXTURE(test::LeakCheck, "close sends idle threads away, however long they would have stayed") {
  Pool pool({});
  TestJob job;
  CHECK(pool.submit(job) == 0);
  CHECK(test::eventually([&] { return pool.counts().idle == 1; }));
  CHECK(pool.close() == 0);
  CHECK(pool.wait_for_threads(deadline_after(20'000 * kMillisecond)));
}

TEST_CASE_FIXTURE(test::LeakCheck, "a pool may go while a job runs") {
  Gate gate;
  TestJob job([&] { gate.pass(); });
  {
    Pool pool({});
    CHECK(pool.submit(job) == 0);
    CHECK(test::eventually([&] { return gate.waiting() == 1; }));
  }
  gate.open();
  CHECK(test::eventually([&] { return job.ran.load(); }));
}

TEST_CASE_FIXTURE(test::LeakCheck,
                  "a listener is told when the last thread has gone, unless none is there or it has left") {
  struct : Pool::Listener {
    void threads_gone() noexcept override { ++told; }
    std::atomic<int> told{0};
  } listener;
  Pool pool({});
  CHECK(pool.listen(&listener));
  Gate gate;
  TestJob job([&] { gate.pass(); });
  CHECK(pool.submit(job) == 0);
  CHECK_FALSE(pool.listen(&listener));
  CHECK_FALSE(pool.listen(nullptr));
  CHECK_FALSE(pool.listen(&listener));
  pool.close();
  CHECK(listener.told == 0);
  gate.open();
  CHECK(test::eventually([&] { return listener.told == 1; }));
  CHECK(pool.wait_for_threads(kForever));
  CHECK(pool.listen(&listener));
}

TEST_CASE_FIXTURE(test::LeakCheck, "many jobs from many threads each run once") {
  PoolOptions options;
  options.max_threads = 4;
  options.keep_alive = kMillisecond / 10;  // threads come and go meanwhile
  Pool pool(options);
  constexpr int kThreads = 4, kJobs = 1000;
  std::atomic<int> runs{0};
  std::deque<TestJob> jobs;
  for (int i = 0; i < kThreads * kJobs; ++i) jobs.emplace_back([&] { ++runs; });
  std::vector<std::thread> submitters;
  std::atomic<int> refused{0};
  for (int t = 0; t < kThreads; ++t) {
    submitters.emplace_back([&, t] {
      for (int i = 0; i < kJobs; ++i) refused += pool.submit(jobs[static_cast<std::size_t>(t * kJobs + i)]) != 0;
    });
  }
  for (std::thread& submitter : submitters) submitter.join();
  CHECK(test::eventually([&] { return runs == kThreads * kJobs; }));
  CHECK(refused == 0);
  CHECK(idle_again(pool));
  shut_down(pool);
}

// When no thread can be created.
// ----------------------------------------------------------------------------------------

namespace {

/// No machine has room for a thread's stack of that size.
PoolOptions unstartable() {
  PoolOptions options;
  options.thread_stack_size = std::size_t{1} << 46;
  return options;
}

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "without a thread, and none to be had, a job is refused with the errno, untouched") {
  Pool pool(unstartable());
  for (int i = 0; i < 3; ++i) {
    TestJob job;
    const int error = pool.submit(job);  // EAGAIN or, of another allocator of stacks, what that says
    CHECK(error != 0);
    CHECK(error != ECANCELED);
    CHECK_FALSE(job.ran);
    CHECK_FALSE(job.cancelled);
  }
  CHECK(pool.counts().threads == 0);
  CHECK(pool.counts().queued == 0);
  shut_down(pool);
}

TEST_CASE_FIXTURE(test::LeakCheck,
                  "with a thread alive a failed start is no failure: that thread takes the job later") {
  const auto end = test::in_child([] {
    PoolOptions options;
    options.thread_stack_size = 512u << 20;
    Pool pool(options);
    Gate gate;
    TestJob first([&] { gate.pass(); }), second;
    if (pool.submit(first) != 0) test::say("the first was refused");
    if (!test::eventually([&] { return gate.waiting() == 1; })) test::say("the first does not run");
    test::limit_address_space(256u << 20);
    if (pool.submit(second) != 0) test::say("the second was refused");
    if (pool.counts().threads != 1 || pool.counts().queued != 1) test::say("the counts are wrong");
    gate.open();
    if (!test::eventually([&] { return second.ran.load(); })) test::say("the second does not run");
    if (first.thread != second.thread) test::say("another thread after all");
  });
  CAPTURE(end);
  CHECK(end.status == 0);
  CHECK(end.text.empty());
}

// A submitter must not count on a thread that another one is only about to start, and that then cannot be had.
TEST_CASE_FIXTURE(test::LeakCheck, "a job is never queued behind a thread that failed to start") {
  for (const std::size_t max_threads : {1, 2, 8}) {
    CAPTURE(max_threads);
    PoolOptions options = unstartable();
    options.max_threads = max_threads;
    Pool pool(options);
    std::deque<TestJob> jobs;
    for (int i = 0; i < 4 * 500; ++i) jobs.emplace_back();
    std::atomic<int> accepted{0};
    std::vector<std::thread> submitters;
    for (int t = 0; t < 4; ++t) {
      submitters.emplace_back([&, t] {
        for (int i = 0; i < 500; ++i) accepted += pool.submit(jobs[static_cast<std::size_t>(t * 500 + i)]) == 0;
      });
    }
    for (std::thread& submitter : submitters) submitter.join();
    CHECK(accepted == 0);
    CHECK(pool.counts().queued == 0);
    CHECK(pool.close() == 0);
  }
}

namespace {

struct CountsIdle final : Pool::IdleListener {
  void pool_idle() noexcept override { ++calls; }
  std::atomic<int> calls{0};
};

}  // namespace

TEST_CASE_FIXTURE(test::LeakCheck, "who listens is told once when the last job has ended, queued ones included") {
  Pool pool({.max_threads = 1});
  CountsIdle listener;
  CHECK(pool.listen_for_idle(&listener));
  Gate gate;
  TestJob first([&] { gate.pass(); }), second([&] { CHECK(listener.calls == 0); });
  REQUIRE(pool.submit(first) == 0);
  REQUIRE(pool.submit(second) == 0);
  CHECK_FALSE(pool.listen_for_idle(&listener));
  gate.open();
  CHECK(test::eventually([&] { return listener.calls == 1; }));
  CHECK(second.ran);
  CHECK(pool.listen_for_idle(nullptr));
  TestJob third;
  REQUIRE(pool.submit(third) == 0);
  CHECK(test::eventually([&] { return pool.counts().running == 0 && third.ran; }));
  CHECK(listener.calls == 1);
}

TEST_CASE_FIXTURE(test::LeakCheck, "who has stopped listening is not told that the pool is idle") {
  Pool pool({.max_threads = 1});
  CountsIdle listener;
  Gate gate;
  TestJob job([&] { gate.pass(); });
  REQUIRE(pool.submit(job) == 0);
  CHECK_FALSE(pool.listen_for_idle(&listener));
  CHECK_FALSE(pool.listen_for_idle(nullptr));
  gate.open();
  CHECK(test::eventually([&] { return pool.listen_for_idle(nullptr); }));
  CHECK(listener.calls == 0);
}
