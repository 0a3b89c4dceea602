#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

namespace bench {

/// One piece of blocking work; lives where its submitter keeps it until `run` has handed it on.
struct RawJob {
  void (*run)(RawJob& job) noexcept = nullptr;  // on a pool thread; the job may be gone when it returns
  RawJob* next = nullptr;                       // while queued: RawPool's list; when done: DoneList's
};

/// The least a pool can be: threads, a mutex, a condition variable, a list. The floor under spawn_blocking, and the
/// pool that the peers without one of their own are given.
///
/// Thread safety: any thread. Destroy it after every job has run.
class RawPool {
 public:
  explicit RawPool(std::size_t threads) {
    for (std::size_t i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { work(); });
    }
  }
  RawPool(const RawPool&) = delete;
  RawPool& operator=(const RawPool&) = delete;

  ~RawPool() {
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
    }
    work_or_end_.notify_all();
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  void submit(RawJob& job) {
    bool someone_sleeps;
    {
      std::lock_guard lock(mutex_);
      job.next = nullptr;
      (last_ != nullptr ? last_->next : first_) = &job;
      last_ = &job;
      someone_sleeps = sleeping_ > 0;
    }
    if (someone_sleeps) {
      work_or_end_.notify_one();
    }
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      while (first_ == nullptr && !closing_) {
        ++sleeping_;
        work_or_end_.wait(lock);
        --sleeping_;
      }
      if (first_ == nullptr) {
        return;
      }
      RawJob& job = *first_;
      first_ = job.next;
      if (first_ == nullptr) {
        last_ = nullptr;
      }
      lock.unlock();
      job.run(job);
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable work_or_end_;
  RawJob* first_ = nullptr;   // guarded by mutex_, as are the next three
  RawJob* last_ = nullptr;
  std::size_t sleeping_ = 0;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace bench
