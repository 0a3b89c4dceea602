#pragma once

// Every way in which a task can wait, chosen by dice.

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include <runtime/posix.h>
#include <runtime/runtime.hpp>

#include "census.hpp"

namespace stress {

using namespace std::chrono_literals;

/// What the tasks of one runtime share.
struct World {
  Census& census;
  runtime::CancellationToken token;
  runtime::TaskTracker tracker;  // never closed before the end, so that waiting for it lasts
  int fd;                        // readable now and then
  bool ends_at_once;             // the runtime goes with limit 0: what unwinds must not wait
};

void wait_somehow(World& world, Dice& dice, int depth, bool bounded);

inline std::chrono::microseconds some_time(Dice& dice, bool bounded) {
  return bounded || !dice.one_in(3) ? std::chrono::microseconds(dice.roll(200)) : std::chrono::microseconds(1h);
}

/// A frame that is unwound: it waits now and then in its destructor, as destructors may.
class Frame {
 public:
  Frame(World& world, Dice& dice) : ticket_(world.census), dice_(dice), may_wait_(!world.ends_at_once) {}
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  ~Frame() {
    if (!may_wait_ || !dice_.one_in(4)) return;
    try {
      switch (dice_.roll(5)) {
        case 0: runtime::yield_now(); break;
        case 1: runtime::sleep_for(std::chrono::microseconds(dice_.roll(100))); break;
        case 2: runtime::offload([] {}); break;
        case 3: runtime::timeout(20us, [] { runtime::sleep_for(1h); }); break;
        case 4: runtime::select([] { runtime::sleep_for(1h); }, [] { runtime::yield_now(); }).get<1>(); break;
      }
    } catch (const runtime::Elapsed&) {
    } catch (const runtime::Error& error) {  // the pool takes nothing once a shutdown has begun
      check(error.code() == runtime::Errc::shut_down, "a wait in a destructor failed");
    } catch (const runtime::Cancelled&) {
      if (std::uncaught_exceptions() > 0) fail("a wait in a destructor was cancelled while an exception unwound");
    }
  }

 private:
  Ticket ticket_;
  Dice& dice_;
  bool may_wait_;
};

/// The closure of a task: carries a ticket, waits, and gives a ticket as its result.
inline auto make_task(World& world, Dice& dice, int depth, bool bounded) {
  return [&world, dice = dice.fork(), ticket = Ticket(world.census), depth, bounded]() mutable {
    const Frame frame(world, dice);
    for (int times = 1 + static_cast<int>(dice.roll(2)); times > 0; --times) {
      try {
        wait_somehow(world, dice, depth, bounded);
      } catch (const runtime::Cancelled&) {
        if (world.ends_at_once || !dice.one_in(4)) throw;
        --times;  // swallowed: it comes again at the next wait
      }
    }
    return Ticket(world.census);
  };
}

template <class Handle>
void join_quietly(Handle& handle) {
  try {
    static_cast<void>(handle.join());
  } catch (const runtime::JoinError&) {
  } catch (const runtime::Error& error) {
    check(error.code() == runtime::Errc::shut_down, "a task failed");
  }
}

inline void wait_for_tasks(World& world, Dice& dice, int depth, bool bounded) {
  switch (dice.roll(5)) {
    case 0: {
      auto task = runtime::spawn_local(make_task(world, dice, depth, bounded));
      if (dice.one_in(3)) task.abort();
      join_quietly(task);
      break;
    }
    case 1: {
      auto task = runtime::spawn_local(make_task(world, dice, depth, bounded));
      try {
        static_cast<void>(task.join_for(some_time(dice, true)));
      } catch (const runtime::JoinError&) {
      } catch (const runtime::Error& error) {
        check(error.code() == runtime::Errc::shut_down, "a task failed");
      }
      if (bounded) task.abort();
      break;
    }
    case 2: {
      runtime::JoinSet<Ticket> set;
      for (unsigned i = dice.roll(3) + 1; i > 0; --i) set.spawn_local(make_task(world, dice, depth, bounded));
      if (dice.one_in(3)) set.abort_all();
      for (unsigned joins = dice.roll(4); joins > 0 && !set.empty(); --joins) {
        try {
          static_cast<void>(set.join_next());
        } catch (const runtime::JoinError&) {
        } catch (const runtime::Error& error) {
          check(error.code() == runtime::Errc::shut_down, "a task of a set failed");
        }
      }
      if (dice.one_in(4)) set.shutdown();
      break;
    }
    case 3: {
      auto task = world.tracker.spawn_local(make_task(world, dice, depth, true));
      join_quietly(task);
      break;
    }
    case 4: {
      auto task = runtime::spawn_blocking([ticket = Ticket(world.census), &world, spin = dice.roll(30)] {
        std::this_thread::sleep_for(std::chrono::microseconds(spin));
        return Ticket(world.census);
      });
      if (dice.one_in(3)) task.abort();
      join_quietly(task);
      break;
    }
  }
}

inline void wait_in_structure(World& world, Dice& dice, int depth, bool bounded) {
  const auto branch = [&world, depth, bounded](Dice own) {
    return [&world, depth, bounded, own, ticket = Ticket(world.census)]() mutable {
      const Frame frame(world, own);
      wait_somehow(world, own, depth, bounded);
      return Ticket(world.census);
    };
  };
  enum : unsigned { timeout, token, shield, select, scope, all, runtime_inside };
  static constexpr unsigned kWays[] = {timeout, token, shield, select, scope, all, timeout, token, select, scope, scope};
  unsigned way = kWays[dice.roll(sizeof kWays / sizeof kWays[0])];
  if (dice.one_in(30)) way = runtime_inside;
  if (world.ends_at_once) way = dice.one_in(2) ? timeout : token;  // they need no resume but the one
  switch (way) {
    case timeout:
      try {
        runtime::timeout(some_time(dice, true), [&] {
          const Frame frame(world, dice);
          wait_somehow(world, dice, depth, bounded);
        });
      } catch (const runtime::Elapsed&) {
      }
      break;
    case token:
      static_cast<void>(world.token.child_token().run_until_cancelled([&] {
        const Frame frame(world, dice);
        wait_somehow(world, dice, depth, bounded);
        return Ticket(world.census);
      }));
      break;
    case shield:
      runtime::shield([&] {
        const Frame frame(world, dice);
        wait_somehow(world, dice, depth, true);
      });
      break;
    case select: {
      auto selected = runtime::select(branch(dice.fork()), branch(dice.fork()), branch(dice.fork()));
      if (selected.index() == 0) static_cast<void>(selected.template get<0>());
      break;
    }
    case scope:
      runtime::scope([&](runtime::Scope& s) {
        const Frame frame(world, dice);
        for (unsigned i = dice.roll(3) + 1; i > 0; --i) s.spawn(make_task(world, dice, depth, bounded));
        if (dice.one_in(4)) s.cancel();
        wait_somehow(world, dice, depth, bounded);
      });
      break;
    case all:
      try {
        static_cast<void>(runtime::join_all_of(branch(dice.fork()), branch(dice.fork())));
      } catch (const runtime::Error& error) {  // while the runtime closes, its tasks are born cancelled
        check(error.code() == runtime::Errc::cancelled || error.code() == runtime::Errc::shut_down,
              "join_all_of failed");
      }
      break;
    case runtime_inside:
      runtime::run([&] {
        const Frame frame(world, dice);
        wait_somehow(world, dice, 0, bounded);
      });
      break;
  }
}

inline void wait_for_the_kernel(World& world, Dice& dice, bool bounded) {
  char byte;
  // An offload cannot be left before its closure has returned.
  const unsigned what = world.ends_at_once ? (bounded ? dice.roll(2) : 3 + dice.roll(2)) : dice.roll(bounded ? 3 : 5);
  switch (what) {
    case 0: {
      pollfd fds[1] = {{world.fd, POLLIN, 0}};
      static_cast<void>(::runtime_poll(fds, 1, static_cast<int>(dice.roll(2))));
      break;
    }
    case 1: {
      addrinfo hints{};
      hints.ai_flags = AI_NUMERICHOST;
      addrinfo* found = nullptr;
      if (::runtime_getaddrinfo("127.0.0.1", "80", &hints, &found) == 0) ::freeaddrinfo(found);
      break;
    }
    case 2:
      try {
        runtime::offload([spin = dice.roll(30)] { std::this_thread::sleep_for(std::chrono::microseconds(spin)); });
      } catch (const runtime::Error& error) {
        check(error.code() == runtime::Errc::shut_down, "offload failed");
      }
      break;
    case 3: static_cast<void>(::runtime_read(world.fd, &byte, 1)); break;
    case 4: static_cast<void>(::runtime_recv(world.fd, &byte, 1, 0)); break;
  }
  runtime::this_task::check_cancelled();
}

inline void wait_for_a_word(World& world, Dice& dice, bool bounded) {
  switch (bounded ? dice.roll(2) : dice.roll(4)) {
    case 0:
      for (unsigned i = dice.roll(20); i > 0; --i) runtime::yield_now();
      break;
    case 1:
      for (unsigned i = dice.roll(300); i > 0; --i) runtime::this_task::consume_budget();
      break;
    case 2: world.token.wait(); break;
    case 3: world.tracker.wait(); break;
  }
}

/// Waits in one of all ways. `bounded`: it ends by itself, for the inside of a shield. `depth`: of waits inside waits.
inline void wait_somehow(World& world, Dice& dice, int depth, bool bounded) {
  static runtime::FiberLocal<std::optional<Ticket>> fiber_local;
  static runtime::TaskLocal<int> task_local;
  if (dice.one_in(8)) {
    fiber_local->reset();
    fiber_local->emplace(world.census);
  }
  const int bound = static_cast<int>(dice.roll(1000));
  task_local.scope(bound, [&] {
    const unsigned what = dice.roll(depth > 0 ? 10 : 5);
    if (what < 2) {
      runtime::sleep_for(some_time(dice, bounded));
    } else if (what < 3) {
      wait_for_a_word(world, dice, bounded);
    } else if (what < 5) {
      wait_for_the_kernel(world, dice, bounded);
    } else if (what < 7) {
      wait_for_tasks(world, dice, depth - 1, bounded);
    } else {
      wait_in_structure(world, dice, depth - 1, bounded);
    }
    check(task_local.get() == bound, "a task-local changed across a wait");
  });
}

}  // namespace stress
