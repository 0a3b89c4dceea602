#pragma once

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <vector>

#include "clock.hpp"
#include "done_list.hpp"
#include "raw_pool.hpp"

namespace bench {

/// The floor of a blocking call's way to a pool thread and back: no tasks, no futures, one epoll loop that submits the
/// job again as soon as it is back.
///
/// Owns: its jobs and its epoll descriptor. Thread safety: one thread.
class RawRoundTrips {
 public:
  RawRoundTrips(std::size_t threads, std::uint64_t in_flight)
      : done_(EFD_NONBLOCK | EFD_CLOEXEC), epoll_(epoll_create1(EPOLL_CLOEXEC)), jobs_(in_flight), pool_(threads) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, done_.fd(), &event) != 0) {
      throw std::system_error(errno, std::generic_category(), "epoll");
    }
    for (Job& job : jobs_) {
      job.run = [](RawJob& self) noexcept { static_cast<Job&>(self).done->push(self); };
      job.done = &done_;
    }
  }
  RawRoundTrips(const RawRoundTrips&) = delete;
  RawRoundTrips& operator=(const RawRoundTrips&) = delete;
  ~RawRoundTrips() { close(epoll_); }

  /// Every job makes `each` round trips; returns when the last is back.
  void run(std::uint64_t each) {
    std::uint64_t to_submit = each * jobs_.size();
    std::uint64_t to_come_back = to_submit;
    for (Job& job : jobs_) {
      pool_.submit(job);
      --to_submit;
    }
    while (to_come_back > 0) {
      wait();
      for (RawJob* job = done_.take_all(); job != nullptr;) {
        RawJob* next = job->next;
        --to_come_back;
        if (to_submit > 0) {
          pool_.submit(*job);
          --to_submit;
        }
        job = next;
      }
    }
  }

  /// The same, timed.
  double nanoseconds_per_job(std::uint64_t each) {
    WallStopwatch stopwatch;
    stopwatch.start();
    run(each);
    stopwatch.stop();
    return stopwatch.nanoseconds_per(jobs_.size() * each);
  }

 private:
  struct Job : RawJob {
    DoneList* done = nullptr;
  };

  void wait() {
    epoll_event event{};
    if (epoll_wait(epoll_, &event, 1, -1) < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "epoll_wait");
    }
    std::uint64_t written = 0;
    if (read(done_.fd(), &written, sizeof written) < 0 && errno != EAGAIN) {
      throw std::system_error(errno, std::generic_category(), "read of the eventfd");
    }
  }

  DoneList done_;
  int epoll_;
  std::vector<Job> jobs_;
  RawPool pool_;  // last: its threads end before what they use
};

}  // namespace bench
