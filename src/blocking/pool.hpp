#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "base/compiler.hpp"
#include "blocking/job.hpp"

namespace runtime::inline v1::blocking {

class IdleThread;
class PoolLock;

/// Who wants to know of each thread of a pool. Stays from thread_is_made() to thread_is_gone() of every thread.
class ThreadWatcher {
 public:
  /// By whoever starts the thread, before it runs; thread_is_gone() follows in any case.
  virtual void thread_is_made() noexcept = 0;
  /// On the thread itself, first and last. No lock is held.
  virtual void thread_starts() noexcept = 0;
  virtual void thread_stops() noexcept = 0;
  /// On the thread itself, when the pool does not know it any more; or by who could not start it, under the pool's lock.
  virtual void thread_is_gone() noexcept = 0;

 protected:
  ~ThreadWatcher() = default;
};

struct PoolOptions {
  std::size_t max_threads = 512;
  base::Nanos keep_alive = 10'000'000'000;
  std::size_t thread_stack_size = 0;  // 0: the system's default
  std::string thread_name = "runtime-pool";
  ThreadWatcher* watcher = nullptr;
};

/// Threads for calls that block one: started when there is work and nobody idle, ended when idle for too long.
///
/// The state is shared with the threads, because a thread that runs a closure when the runtime goes may outlive it.
/// Thread safety: any thread, except close(), which is called once, and what one thread is to call.
class Pool final {
 public:
  explicit Pool(const PoolOptions& options);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  /// Queues a job. 0; ECANCELED: the pool is closed; else the errno of pthread_create, when no thread is there to run
  /// it. Nothing has happened to the job when it is not 0. With a thread alive a failed start is no failure: that thread
  /// takes the job later.
  [[nodiscard]] int submit(Job& job) noexcept;
  /// The same by the one thread that calls wake_now() before it sleeps and may submit many jobs until then. Where it has
  /// one processor and the pool no other, a job may wait for that, and others' jobs behind it, until a nap of kNap ends.
  [[nodiscard]] int submit_before_sleep(Job& job) noexcept;
  void wake_now() noexcept {
    if (RUNTIME_UNLIKELY(row_ != 0)) end_row();
  }

  /// No new jobs from now on; queued ones are cancelled, but for mandatory ones, which the threads still run. The
  /// number of those that were cancelled.
  std::size_t close() noexcept;
  /// Waits until no job is queued or runs and the threads have gone. False when the deadline came first; the threads
  /// are on their own then. After close().
  bool wait_for_threads(base::Nanos deadline) noexcept;

  /// One who wants to know when the last thread has gone, and cannot block.
  class Listener {
   public:
    virtual void threads_gone() noexcept = 0;  // pool thread, once

   protected:
    ~Listener() = default;
  };
  /// At most one at a time; null: not any more. True: no thread is there, and nobody will be called.
  bool listen(Listener* listener) noexcept;

  /// One who wants to know when there is nothing to do.
  class IdleListener {
   public:
    virtual void pool_idle() noexcept = 0;  // pool thread, once, with the pool's lock held

   protected:
    ~IdleListener() = default;
  };
  /// True: no job is queued or runs, and nobody will be called. At most one at a time; null: not any more.
  bool listen_for_idle(IdleListener* listener) noexcept;

  struct Counts {
    std::size_t queued, threads, idle, running;
  };
  Counts counts() const noexcept;

 private:
  struct State;
  struct Patience;  // of a pool thread
  int enqueue(Job& job, IdleThread*& idler) noexcept;
  void end_row() noexcept;
  static Job* take_cancellable(State& state) noexcept;
  static void* thread_main(void* raw) noexcept;
  static void serve(State& state) noexcept;
  static bool wait_for_work(State& state, std::unique_lock<PoolLock>& lock, Patience& patience) noexcept;
  static int start_thread(const std::shared_ptr<State>& state) noexcept;

  std::shared_ptr<State> state_;
  // Of the thread that calls submit_before_sleep():
  std::size_t row_ = 0;           // jobs it has submitted since it slept
  const void* napper_ = nullptr;  // roused, and to be woken
};

}  // namespace runtime::inline v1::blocking
