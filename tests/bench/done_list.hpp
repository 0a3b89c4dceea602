#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <system_error>

#include "raw_pool.hpp"

namespace bench {

/// Finished jobs on their way back to the one thread that waits for them: a lock-free stack, and an eventfd that is
/// written only when the stack was empty.
///
/// Thread safety: push() from any thread, the rest from one.
class DoneList {
 public:
  explicit DoneList(int flags) : fd_(eventfd(0, flags)) {
    if (fd_ < 0) {
      throw std::system_error(errno, std::generic_category(), "eventfd");
    }
  }
  DoneList(const DoneList&) = delete;
  DoneList& operator=(const DoneList&) = delete;
  ~DoneList() { close(fd_); }

  int fd() const { return fd_; }

  void push(RawJob& job) noexcept {
    RawJob* head = head_.load(std::memory_order_relaxed);
    do {
      job.next = head;
      // Released to take_all(), which reads the job and what its run() has written.
    } while (!head_.compare_exchange_weak(head, &job, std::memory_order_release, std::memory_order_relaxed));
    if (head == nullptr) {
      const std::uint64_t one = 1;
      if (write(fd_, &one, sizeof one) != sizeof one) {
        // Without this write the waiting thread sleeps for ever; a benchmark that hangs says nothing.
        std::terminate();
      }
    }
  }

  /// Everything finished so far, newest first, chained by `next`; null if nothing is.
  RawJob* take_all() noexcept { return head_.exchange(nullptr, std::memory_order_acquire); }

 private:
  int fd_;
  std::atomic<RawJob*> head_{nullptr};
};

}  // namespace bench
