#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "driver/clock.hpp"
#include "driver/epoll_set.hpp"
#include "driver/fd_watch.hpp"
#include "driver/timer.hpp"
#include "driver/timer_wheel.hpp"
#include "metrics/counter.hpp"

struct ev_loop;

namespace runtime::inline v1::driver {

/// Turns the kernel's news into wakes: of descriptors through an epoll set, of timers through a heap over one timerfd
/// (libev counts in milliseconds and does not keep the order of equal deadlines), of other threads through an eventfd.
/// All of it ends in the one descriptor that a libev loop sleeps on.
///
/// News only marks tasks as ready; no fiber ever runs inside libev.
/// Thread safety: owner thread, except unpark() and the announcements. Owns: the loop and the descriptors.
class Driver final {
 public:
  /// Throws: std::system_error naming what the kernel refused.
  Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver();

  /// Looks at descriptors and timers without waiting; asks the kernel only if somebody watches a descriptor.
  void poll() noexcept;
  /// The same, asks in any case.
  void look() noexcept;
  /// Waits for news, at most until the deadline on CLOCK_MONOTONIC. `may_sleep` is asked once unpark() is sure to be heard.
  template <class MaySleep>
  void park(base::Nanos deadline, MaySleep may_sleep) noexcept {
    parked_.store(true, std::memory_order_seq_cst);  // before may_sleep looks: pairs with unpark()
    if (!has_notices_.load(std::memory_order_seq_cst) && may_sleep()) {
      parks.add(1);
      sleep(deadline);
    } else {
      poll();
    }
    parked_.store(false, std::memory_order_relaxed);
  }
  /// For a thread whose own loop is around this one: `wait` waits for fd() in its way.
  template <class Wait>
  void park_elsewhere(Wait wait) noexcept {
    set_alarm(next_alarm());  // our timers make fd() readable: they may be on another clock than `wait`'s
    parked_.store(true, std::memory_order_seq_cst);
    parks.add(1);
    if (!has_notices_.load(std::memory_order_seq_cst)) wait();
    parked_.store(false, std::memory_order_relaxed);
  }
  /// For a loop around this one that has the thread now and waits for fd(): timers make that readable, and unpark() does.
  void begin_absence() noexcept;
  /// Ends park() now or, if it has not begun, at once. Any thread. One eventfd write for each sleep, however often called.
  void unpark() noexcept {
    if (!parked_.load(std::memory_order_seq_cst)) return;
    ringers_.fetch_add(1, std::memory_order_seq_cst);  // close() waits for us
    if (parked_.exchange(false, std::memory_order_seq_cst)) ring();
    ringers_.fetch_sub(1, std::memory_order_release);
  }

  /// Gives the descriptors back. Only unpark() may be called afterwards, and does nothing.
  void close() noexcept;

  /// Readable when there is news of descriptors or other threads, and while parked elsewhere when a timer is due; for a
  /// loop around this one.
  int fd() const noexcept { return set_.fd(); }
  base::Nanos earliest() const noexcept { return timers_.earliest(); }
  /// When the first timer is due, on CLOCK_MONOTONIC; those of a paused clock never are by themselves.
  base::Nanos next_alarm() const noexcept;

  void arm(Timer& timer) noexcept { timers_.arm(timer); }
  void disarm(Timer& timer) noexcept { timers_.disarm(timer); }
  /// The same for a deadline on CLOCK_MONOTONIC, whatever our clock does: for limits that are promised to the world
  /// outside, and for looking again at what the kernel does not report.
  void arm_real(Timer& timer) noexcept { real_timers_.arm(timer); }
  void disarm_real(Timer& timer) noexcept { real_timers_.disarm(timer); }

  /// Wakes whoever is due by now.
  void fire_timers() noexcept;
  /// Moves the paused clock to the next deadline and wakes those who wait for it. False: nobody waits for one.
  bool jump() noexcept;

  /// False when the watch cannot be kept, for want of memory; nothing has happened then.
  bool watch(FdWatch& watch) noexcept;
  void unwatch(FdWatch& watch) noexcept { set_.unwatch(watch); }
  /// As those of EpollSet.
  void read_to_the_end(int fd, std::uint64_t owner) noexcept { set_.read_to_the_end(fd, owner); }
  bool is_read_to_the_end(int fd, std::uint64_t owner) noexcept { return set_.is_read_to_the_end(fd, owner); }

  /// A descriptor is about to be closed on purpose: whoever waits for it, in any runtime, is told. Any thread. Before the
  /// call returns, so before its number can belong to another description, the watches of this moment are doomed.
  static void announce_close(int fd) noexcept { announce(fd, true); }
  /// Something was done to a descriptor that readiness may not tell of: whoever waits for it, in any runtime, tries again.
  /// Any thread.
  static void announce_change(int fd) noexcept { announce(fd, false); }

  bool is_owner() const noexcept { return owner_ == task::this_thread(); }  // any thread

  Clock clock;             // of the deadlines of arm()
  metrics::Counter parks;  // times the thread went to sleep
  const EpollSet& descriptors() const noexcept { return set_; }

 private:
  struct CloseNotice {
    int fd;
    std::uint64_t number;
    bool is_closing;
  };

  static void announce(int fd, bool is_closing) noexcept;
  void sleep(base::Nanos deadline) noexcept;
  bool collect(int milliseconds = 0) noexcept;
  void after_look() noexcept;
  void ring() noexcept;
  void set_alarm(base::Nanos deadline) noexcept;
  void read_notices() noexcept;

  struct Callbacks;

  struct LoopDeleter {
    void operator()(struct ev_loop* loop) const noexcept;
  };

  TimerWheel timers_;                   // on our clock
  TimerHeap real_timers_;               // on CLOCK_MONOTONIC
  base::Nanos alarm_ = base::kForever;  // what the timerfd is set to; kForever once it has gone off
  const std::uint64_t owner_;           // number of the owner thread
  std::atomic<bool> parked_{false};
  std::atomic<std::uint32_t> ringers_{0};  // threads inside unpark() that may write to the eventfd
  base::UniqueFd eventfd_;
  base::UniqueFd timerfd_;
  EpollSet set_;                        // of the watched descriptors, and of these two
  std::unique_ptr<struct ev_loop, LoopDeleter> loop_;
  alignas(8) std::byte set_watcher_[64];  // libev's ev_io; driver.cpp checks that it fits
  bool sleeps_shortly_ = false;           // it does so as a rule: see sleep()

  std::mutex notices_mutex_;
  std::vector<CloseNotice> notices_;    // guarded by notices_mutex_
  std::uint64_t lost_notice_ = 0;       // guarded by notices_mutex_; number of one there was no memory for
  std::atomic<bool> has_notices_{false};

  Driver* next_driver_ = nullptr;  // all drivers of the process; guarded by the registry's mutex in driver.cpp
};

}  // namespace runtime::inline v1::driver
