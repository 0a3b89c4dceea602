#pragma once

namespace runtime::inline v1::blocking {

/// What a pool thread can be asked to do. Lives wherever its owner likes, until run() or cancel() has been called.
class Job {
 public:
  /// Pool thread.
  virtual void run() noexcept = 0;
  /// Instead of run(), when the pool was closed first. Any thread. Never of a mandatory job.
  virtual void cancel() noexcept = 0;

  /// Once it is queued it is run, also when the pool is closed before. Constant while queued.
  bool is_mandatory = false;

 protected:
  ~Job() = default;

 private:
  friend class Pool;
  Job* next_job_ = nullptr;  // link of the pool's queue, guarded by its mutex
};

}  // namespace runtime::inline v1::blocking
