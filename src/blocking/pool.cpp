#include "blocking/pool.hpp"

#include <pthread.h>

#include <cerrno>
#include <chrono>
#include <new>
#include <utility>

#include "base/sanitizer.hpp"

namespace runtime::inline v1::blocking {
namespace {

// steady_clock is CLOCK_MONOTONIC in libstdc++ and libc++.
std::chrono::steady_clock::time_point moment(base::Nanos nanos) noexcept {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(nanos));
}

}  // namespace

struct Pool::State {
  explicit State(const PoolOptions& given) : options(given) {}

  const PoolOptions options;
  mutable std::mutex mutex;
  // All below guarded by mutex.
  std::condition_variable work;  // an idle thread has been granted a job, or the pool is closed
  std::condition_variable gone;  // the last thread has left
  Job* first = nullptr;
  Job* last = nullptr;
  std::size_t queued = 0;
  std::size_t threads = 0;
  std::size_t stopping = 0; // threads that take no more jobs and are not gone yet; not in `threads`
  std::size_t idle = 0;     // threads that wait and that nobody has granted a job yet
  std::size_t granted = 0;  // jobs promised to waiting threads: tells a real wake-up from a spurious one
  std::size_t running = 0;
  bool closed = false;
  Listener* listener = nullptr;
  IdleListener* idle_listener = nullptr;

  bool is_idle() const noexcept { return running == 0 && first == nullptr; }

  /// Promises a job to an idle thread, if there is one and no promise is open. The promiser, not the thread, takes it
  /// off the idle ones: until that thread runs, another would count it again and start nobody.
  bool grant() noexcept {
    if (idle == 0 || granted != 0) return false;
    --idle;
    ++granted;
    return true;
  }

  bool is_deserted() const noexcept { return threads == 0 && stopping == 0; }

  void thread_is_gone() noexcept {
    --stopping;
    if (!is_deserted()) return;
    gone.notify_all();
    if (listener != nullptr) std::exchange(listener, nullptr)->threads_gone();
  }
};

Pool::Pool(const PoolOptions& options) : state_(std::make_shared<State>(options)) {}

Pool::~Pool() { close(); }

int Pool::submit(Job& job) noexcept {
  State& state = *state_;
  base::happens_before(&job);
  std::unique_lock lock(state.mutex);
  if (state.closed) return ECANCELED;
  if (state.queued >= state.idle + state.granted && state.threads < state.options.max_threads) {
    // Under the lock: the new thread waits for it, and so finds the job that it was started for.
    ++state.threads;
    const int error = start_thread(state_);
    if (error != 0) {
      --state.threads;
      ++state.stopping;
      state.thread_is_gone();
      if (state.threads == 0) return error;
    }
  }
  job.next_job_ = nullptr;
  (state.last != nullptr ? state.last->next_job_ : state.first) = &job;
  state.last = &job;
  ++state.queued;
  // One wake is under way at most: the thread that answers it wakes the next if there is more to do, so a burst of jobs
  // costs the submitter one system call. After the lock is given back: the thread would only run into it.
  if (state.grant()) {
    lock.unlock();
    state.work.notify_one();
  }
  return 0;
}

// The queue without its mandatory jobs, which stay. Where a job is queued there is a thread, and no thread goes before
// the queue is empty.
Job* Pool::take_cancellable(State& state) noexcept {
  Job* job = std::exchange(state.first, nullptr);
  state.last = nullptr;
  state.queued = 0;
  Job* taken = nullptr;
  for (Job** end = &taken; job != nullptr;) {
    Job* next = std::exchange(job->next_job_, nullptr);
    if (job->is_mandatory) {
      (state.last != nullptr ? state.last->next_job_ : state.first) = job;
      state.last = job;
      ++state.queued;
    } else {
      *end = job;
      end = &job->next_job_;
    }
    job = next;
  }
  return taken;
}

std::size_t Pool::close() noexcept {
  State& state = *state_;
  Job* job;
  {
    const std::lock_guard lock(state.mutex);
    state.closed = true;
    job = take_cancellable(state);
    state.work.notify_all();
  }
  std::size_t cancelled = 0;
  while (job != nullptr) {
    Job* next = job->next_job_;
    job->cancel();
    job = next;
    ++cancelled;
  }
  return cancelled;
}

bool Pool::wait_for_threads(base::Nanos deadline) noexcept {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  const auto all_gone = [&state] { return state.is_deserted(); };
  if (deadline == base::kForever) {
    state.gone.wait(lock, all_gone);
    return true;
  }
  return state.gone.wait_until(lock, moment(deadline), all_gone);
}

bool Pool::listen(Listener* listener) noexcept {
  const std::lock_guard lock(state_->mutex);
  const bool all_gone = state_->is_deserted();
  state_->listener = all_gone ? nullptr : listener;
  return all_gone;
}

bool Pool::listen_for_idle(IdleListener* listener) noexcept {
  const std::lock_guard lock(state_->mutex);
  const bool is_idle = state_->is_idle();
  state_->idle_listener = is_idle ? nullptr : listener;
  return is_idle;
}

Pool::Counts Pool::counts() const noexcept {
  const std::lock_guard lock(state_->mutex);
  return {state_->queued, state_->threads, state_->idle, state_->running};
}

int Pool::start_thread(const std::shared_ptr<State>& state) noexcept {
  auto* share = new (std::nothrow) std::shared_ptr<State>(state);
  if (share == nullptr) return ENOMEM;
  ThreadWatcher* watcher = state->options.watcher;
  if (watcher != nullptr) watcher->thread_is_made();
  pthread_attr_t attributes;
  int error = ::pthread_attr_init(&attributes);
  if (error == 0) {
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (state->options.thread_stack_size != 0) {
      error = ::pthread_attr_setstacksize(&attributes, state->options.thread_stack_size);
    }
    pthread_t thread;
    if (error == 0) error = ::pthread_create(&thread, &attributes, &thread_main, share);
    ::pthread_attr_destroy(&attributes);
  }
  if (error != 0) {
    if (watcher != nullptr) watcher->thread_is_gone();
    delete share;
  }
  return error;
}

void* Pool::thread_main(void* raw) noexcept {
  const std::unique_ptr<std::shared_ptr<State>> share(static_cast<std::shared_ptr<State>*>(raw));
  // The kernel keeps 15 bytes and refuses longer names: pthread_setname_np(3).
  ::pthread_setname_np(::pthread_self(), (*share)->options.thread_name.substr(0, 15).c_str());
  ThreadWatcher* watcher = (*share)->options.watcher;
  if (watcher != nullptr) watcher->thread_starts();
  serve(**share);
  if (watcher != nullptr) watcher->thread_is_gone();
  return nullptr;
}

void Pool::serve(State& state) noexcept {
  std::unique_lock lock(state.mutex);
  for (;;) {
    while (state.first != nullptr) {
      Job* job = state.first;
      state.first = job->next_job_;
      if (state.first == nullptr) state.last = nullptr;
      --state.queued;
      ++state.running;
      const bool wakes_another = state.first != nullptr && state.grant();
      lock.unlock();
      if (wakes_another) state.work.notify_one();
      base::happens_after(job);
      job->run();  // the job may be gone afterwards
      lock.lock();
      --state.running;
      if (state.idle_listener != nullptr && state.is_idle()) std::exchange(state.idle_listener, nullptr)->pool_idle();
    }
    if (state.closed) break;
    ++state.idle;
    const base::Nanos end = base::deadline_after(state.options.keep_alive);
    while (state.granted == 0 && !state.closed) {
      if (end == base::kForever) {
        state.work.wait(lock);
      } else if (state.work.wait_until(lock, moment(end)) == std::cv_status::timeout && state.granted == 0) {
        break;
      }
    }
    if (state.granted > 0) {
      --state.granted;  // the submitter has taken us off the idle ones
      continue;
    }
    --state.idle;
    if (state.first == nullptr) break;  // idle for too long, or closed
  }
  --state.threads;
  ++state.stopping;
  if (state.options.watcher != nullptr) {
    lock.unlock();
    state.options.watcher->thread_stops();
    lock.lock();
  }
  state.thread_is_gone();
}

}  // namespace runtime::inline v1::blocking
