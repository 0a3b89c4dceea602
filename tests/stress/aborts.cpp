// Abort at every kind of wait and at every shutdown path, at random moments: every closure, frame and result is destroyed
// exactly once, every task ends, no wake is lost.
//
//     stress-aborts [ROUNDS [SEED [SECONDS]]]
//
// A round spawns tasks that wait in ways the dice choose, and aborts, cancels, wakes and times them out meanwhile, from the
// root, from siblings and from another thread. Every few rounds the runtime goes, with tasks in the midst of it. The dice
// follow the seed, which is printed; what threads and the kernel do in between does not. Ends early, and says so, when the
// seconds are over; a task that has not ended within a minute fails the run.

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "ways_to_wait.hpp"

namespace {

using namespace stress;

std::uint64_t seed = 1;
std::uint64_t generation = 0;
std::atomic<long> rounds_done{0};
long tickets = 0;

void say_where() {
  std::fprintf(stderr, "seed %llu, generation %llu, after %ld rounds\n", static_cast<unsigned long long>(seed),
               static_cast<unsigned long long>(generation), rounds_done.load());
}

void on_alarm(int) {
  static const char text[] = "FAILED: a task has not ended within a minute\n";
  if (::write(STDERR_FILENO, text, sizeof text - 1) > 0) say_where();  // the program is lost anyway
  std::abort();
}

/// Another thread, which does what it is given, one after the other.
class Meddler {
 public:
  ~Meddler() {
    post(nullptr);
    thread_.join();
  }
  void post(std::function<void()> action) {
    const std::lock_guard lock(mutex_);
    actions_.push_back(std::move(action));
    changed_.notify_all();
  }
  /// Until all of it is done. Blocks the thread: for code that is not on a fiber.
  void finish() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return actions_.empty(); });
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return !actions_.empty(); });
      const std::function<void()> action = actions_.front();
      lock.unlock();
      if (action) action();
      lock.lock();
      actions_.pop_front();
      changed_.notify_all();
      if (!action) return;
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> actions_;  // guarded by mutex_; the first stays until it is done
  std::thread thread_{[this] { run(); }};      // the last member: it uses the others
};

using Tasks = std::vector<runtime::JoinHandle<Ticket>>;

/// One thing that happens to the tasks, from the root or from the other thread.
void meddle(World& world, Dice& dice, Tasks& tasks, Meddler& meddler, int peer) {
  const auto somebody = tasks[dice.roll(static_cast<unsigned>(tasks.size()))].abort_handle();
  switch (dice.roll(8)) {
    case 0: somebody.abort(); break;
    case 1: runtime::spawn_local([somebody] { somebody.abort(); }); break;
    case 2:
      meddler.post([somebody, spin = dice.roll(100)] {
        std::this_thread::sleep_for(std::chrono::microseconds(spin));
        somebody.abort();
      });
      break;
    case 3:
      world.token.cancel();
      world.token = runtime::CancellationToken();
      break;
    case 4:
      meddler.post([token = world.token] { token.cancel(); });
      world.token = runtime::CancellationToken();
      break;
    case 5:
      for (unsigned i = dice.roll(3); i > 0; --i) static_cast<void>(::send(peer, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL));
      break;
    case 6:
      world.tracker.close();
      world.tracker.reopen();
      break;
    case 7:
      for (auto& task : tasks) task.abort();
      break;
  }
}

void let_time_pass(Dice& dice) {
  switch (dice.roll(3)) {
    case 0: break;
    case 1:
      for (unsigned i = dice.roll(10); i > 0; --i) runtime::yield_now();
      break;
    case 2: runtime::sleep_for(std::chrono::microseconds(dice.roll(150))); break;
  }
}

/// In the root. The tasks of the last round stay for the shutdown.
void play_round(World& world, Dice& dice, Tasks& tasks, Meddler& meddler, int peer, bool last) {
  for (unsigned i = dice.roll(5) + 1; i > 0; --i) {
    tasks.push_back(runtime::spawn_local(make_task(world, dice, 3, false)));
  }
  for (unsigned i = dice.roll(6); i > 0; --i) {
    let_time_pass(dice);
    meddle(world, dice, tasks, meddler, peer);
  }
  if (last) return;
  for (auto& task : tasks) task.abort();
  for (auto& task : tasks) join_quietly(task);
  tasks.clear();
}

/// A runtime from its making to its end, with up to `rounds` rounds. Gives how many there were.
long play_generation(Dice& dice, Meddler& meddler, long rounds) {
  Census census;
  int sockets[2];
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0, "socketpair");
  enum : unsigned { destroyed, with_time, at_once, with_little_time };
  const unsigned way = dice.roll(4);
  World world{census, {}, {}, sockets[0], way == at_once || way == with_little_time};
  rounds = std::min<long>(rounds, 1 + dice.roll(6));
  {
    Tasks tasks;
    std::optional<runtime::LocalRuntime> rt(runtime::Builder()
                                                .rng_seed(dice.roll(1000))
                                                .event_interval(1 + dice.roll(61))
                                                .global_queue_interval(1 + dice.roll(31))
                                                .coop_budget(1 + dice.roll(128))
                                                .max_blocking_threads(1 + dice.roll(3))
                                                .build_local());
    const runtime::Handle handle = rt->handle();
    for (long round = 1; round <= rounds; ++round) {
      ::alarm(60);
      rt->block_on([&] { play_round(world, dice, tasks, meddler, sockets[1], round == rounds); });
      ++rounds_done;
    }
    if (way != destroyed) {
      const auto limit = way == with_time          ? std::chrono::microseconds(1h)
                         : way == with_little_time ? std::chrono::microseconds(1 + dice.roll(300))
                                                   : std::chrono::microseconds(0);
      check(rt->shutdown_timeout(limit).tasks_left_parked == 0, "a task that needs no time was left parked");
    }
    rt.reset();
    for (auto& task : tasks) {
      check(task.is_finished(), "a task of a runtime that has gone has not ended");
      join_quietly(task);
    }
    const auto metrics = handle.metrics();
    check(metrics.num_alive_tasks() == 0, "tasks are left");
    check(metrics.stacks_in_use() == 0, "stacks are left");
    check(metrics.local_queue_depth() == 0 && metrics.global_queue_depth() == 0, "a queue is not empty");
  }
  meddler.finish();
  // With a limit, blocking closures that had started go on without the runtime.
  for (int i = 0; census.alive != 0 && i < 100'000; ++i) std::this_thread::sleep_for(100us);
  check(census.alive == 0, "something was not destroyed");
  check(census.ever > 0, "nobody was there");
  tickets += census.ever;
  ::close(sockets[0]);
  ::close(sockets[1]);
  return rounds;
}

}  // namespace

int main(int count, char** arguments) {
  const long rounds = count > 1 ? std::atol(arguments[1]) : 1'000;
  if (count > 2) seed = std::strtoull(arguments[2], nullptr, 10);
  const long seconds = count > 3 ? std::atol(arguments[3]) : 3'600;
  if (rounds <= 0 || seconds <= 0) {
    std::fprintf(stderr, "usage: %s [ROUNDS [SEED [SECONDS]]]\n", arguments[0]);
    return 2;
  }
  where = &say_where;
  std::signal(SIGALRM, &on_alarm);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  Meddler meddler;
  for (long left = rounds; left > 0; ++generation) {
    if (std::chrono::steady_clock::now() > end) break;
    Dice dice(seed + generation);
    // Now and then all of it happens on a fiber of another runtime.
    left -= dice.one_in(8) ? runtime::run([&] { return play_generation(dice, meddler, left); })
                           : play_generation(dice, meddler, left);
  }
  std::printf("%ld of %ld rounds, %llu runtimes, seed %llu: %ld closures, frames and results, each destroyed once\n",
              rounds_done.load(), rounds, static_cast<unsigned long long>(generation),
              static_cast<unsigned long long>(seed), tickets);
  return 0;
}
