#include "blocking/pool.hpp"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include "base/sanitizer.hpp"
#include "base/system_error.hpp"
#include "blocking/idle_thread.hpp"
#include "blocking/pool_lock.hpp"

namespace runtime::inline v1::blocking {
namespace {

// steady_clock is CLOCK_MONOTONIC in libstdc++ and libc++.
std::chrono::steady_clock::time_point moment(base::Nanos nanos) noexcept {
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(nanos));
}

// So many jobs in a row are worth a nap: the timer of a nap costs more than waking a thread at once,
// but only once for each row. Measured, 150 are as dear either way.
constexpr std::size_t kLongRow = 200;

// That this thread may run on.
cpu_set_t processors() noexcept {
  const base::ErrnoKeeper keeper;
  cpu_set_t allowed;
  // It fails where the machine has more processors than fit into the set.
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) std::memset(&allowed, 0xff, sizeof allowed);
  return allowed;
}

}  // namespace

struct Pool::Patience {
  const bool may_look;
  bool last_pause_was_short = false;
};

struct alignas(64) Pool::State {
  explicit State(const PoolOptions& given) : options(given) {}

  // What each job changes is one cache line, which goes from processor to processor. All of it guarded by the mutex.
  mutable PoolLock mutex;
  std::uint32_t queued = 0;
  std::uint32_t threads = 0;
  std::uint32_t idle = 0;        // threads that wait and that nobody has granted a job yet
  std::uint32_t granted = 0;     // jobs promised to threads that have not taken one yet
  std::uint32_t running = 0;
  Job* first = nullptr;
  Job* last = nullptr;
  IdleThread* looker = nullptr;  // one that looks or naps, or did so before it slept: it comes before the others
  IdleThread* idler = nullptr;   // the newest of the others that wait; so the time to end of those before comes
  IdleListener* idle_listener = nullptr;

  // This as well.
  bool closed = false;
  std::size_t stopping = 0;          // threads that take no more jobs and are not gone yet; not in `threads`
  Listener* listener = nullptr;
  std::condition_variable_any gone;  // the last thread has left

  const PoolOptions options;
  const cpu_set_t makers_processors = processors();  // of who makes the pool, and submits most of its jobs
  std::atomic<bool> row_is_long{false};  // of jobs that were submitted before the submitter slept the last time

  // Where this pool thread and its submitter have one processor for both, whoever waits without sleeping keeps the other
  // from what he waits for.
  bool may_look() const noexcept {
    const cpu_set_t mine = processors();
    cpu_set_t all;
    CPU_OR(&all, &mine, &makers_processors);
    return CPU_COUNT(&all) > 1;
  }
  bool is_idle() const noexcept { return running == 0 && first == nullptr; }

  /// Promises a job to an idle thread, if there is one and no promise is open. The promiser, not the thread, takes it
  /// off the idle ones: until that thread runs, another would count it again and start nobody. Null, or who is to be
  /// roused once the lock has been given back: the thread would only run into it.
  IdleThread* grant() noexcept {
    if (idle == 0 || granted != 0) return nullptr;
    ++granted;
    IdleThread* const taken = take_idler();
    taken->is_granted = true;
    return taken;
  }

  IdleThread* take_idler() noexcept {
    IdleThread* const taken = looker != nullptr ? std::exchange(looker, nullptr) : std::exchange(idler, idler->next);
    taken->is_listed = false;
    --idle;
    return taken;
  }

  void list(IdleThread& waiting, bool looks) noexcept {
    if (looks) {
      looker = &waiting;
    } else {
      waiting.next = std::exchange(idler, &waiting);
    }
    ++idle;
  }

  void unlist(IdleThread& leaving) noexcept {
    IdleThread** link = looker == &leaving ? &looker : &idler;
    while (*link != &leaving) link = &(*link)->next;
    *link = leaving.next;
    --idle;
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
  IdleThread* idler = nullptr;
  const int error = enqueue(job, idler);
  if (idler != nullptr) idler->rouse();
  return error;
}

int Pool::submit_before_sleep(Job& job) noexcept {
  IdleThread* idler = nullptr;
  const int error = enqueue(job, idler);
  ++row_;
  // One that was to be woken before has gone on: nobody is granted a job until then.
  if (idler != nullptr) napper_ = idler->rouse_later();
  return error;
}

void Pool::end_row() noexcept {
  const bool is_long = std::exchange(row_, 0) >= kLongRow;
  if (state_->row_is_long.load(std::memory_order_relaxed) != is_long) {
    state_->row_is_long.store(is_long, std::memory_order_relaxed);
  }
  if (napper_ != nullptr) IdleThread::wake(std::exchange(napper_, nullptr));
}

// `idler`: who is to be roused.
int Pool::enqueue(Job& job, IdleThread*& idler) noexcept {
  State& state = *state_;
  base::happens_before(&job);
  const std::lock_guard lock(state.mutex);
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
  // costs the submitter one system call.
  idler = state.grant();
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
    while (state.idle != 0) state.take_idler()->rouse();
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
  Patience patience{.may_look = state.may_look()};
  std::unique_lock lock(state.mutex);
  for (;;) {
    while (state.first != nullptr) {
      Job* job = state.first;
      state.first = job->next_job_;
      if (state.first == nullptr) state.last = nullptr;
      --state.queued;
      ++state.running;
      IdleThread* another = state.first != nullptr ? state.grant() : nullptr;
      lock.unlock();
      if (another != nullptr) another->rouse();
      base::happens_after(job);
      job->run();  // the job may be gone afterwards
      lock.lock();
      --state.running;
      if (state.idle_listener != nullptr && state.is_idle()) std::exchange(state.idle_listener, nullptr)->pool_idle();
    }
    if (state.closed || !wait_for_work(state, lock, patience)) break;
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

// False: the pool is closed, or the time to stay is over; in neither case is anything queued.
bool Pool::wait_for_work(State& state, std::unique_lock<PoolLock>& lock, Patience& patience) noexcept {
  const bool may_look = patience.may_look;
  const bool it_pays = may_look || state.row_is_long.load(std::memory_order_relaxed);
  const bool is_looking = patience.last_pause_was_short && it_pays && state.looker == nullptr;
  IdleThread self;
  state.list(self, is_looking);
  lock.unlock();

  const base::Nanos begin = base::monotonic_now();
  const base::Nanos short_end = begin + (may_look ? kLook : kNap);
  if (is_looking) may_look ? self.look(short_end) : self.nap(short_end);
  self.sleep(base::deadline_after(begin, state.options.keep_alive));
  patience.last_pause_was_short = base::monotonic_now() < short_end;

  lock.lock();
  if (self.is_listed) {
    state.unlist(self);
  } else {
    // Its time was over, and somebody has chosen it all the same: he may not have roused it yet, and knows this frame.
    lock.unlock();
    self.sleep(base::kForever);
    lock.lock();
    if (self.is_granted) --state.granted;
  }
  return state.first != nullptr || (self.is_granted && !state.closed);
}

}  // namespace runtime::inline v1::blocking
