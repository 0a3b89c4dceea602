#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.hpp"
#include "base/thread_parker.hpp"
#include "base/thread_probe.hpp"
#include "scheduler/current_thread.hpp"

namespace runtime::inline v1::detail {

/// Reports code that holds a runtime's thread for too long: a thread of its own looks, several times in that period,
/// whether any task has had its turn. The thread that is watched does nothing for it.
///
/// Thread safety: made and destroyed by the owner of the scheduler. Borrows: scheduler and name.
class StallWatch final {
 public:
  /// Throws: std::system_error.
  StallWatch(const scheduler::CurrentThread& scheduler, std::string_view runtime, base::Nanos threshold);
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;
  ~StallWatch();

 private:
  /// Who held the thread. Filled in by the handler, on that thread; the task may be gone when it is told.
  struct Holder {
    const scheduler::CurrentThread* scheduler;
    scheduler::CurrentThread::Activity expected;
    bool is_still_there;
    enum Kind : std::uint8_t { nobody, root, task } kind;
    std::uint64_t id;
    char name[128];
    std::size_t name_size;
    const char* file;
    std::uint32_t line;
  };
  static void note(void* holder) noexcept;

  void watch() noexcept;
  void report(const scheduler::CurrentThread::Activity& stalled, base::Nanos since);
  std::string describe(const Holder& holder, bool is_answered, base::Nanos held) const;

  const scheduler::CurrentThread& scheduler_;
  const std::string_view runtime_;
  const base::Nanos threshold_;
  const pid_t watched_;
  base::Nanos last_report_ = 0;  // 0: none yet
  std::uint64_t untold_ = 0;     // stalls since then
  base::ThreadProbe probe_;
  base::ThreadParker end_;
  std::thread thread_;
};

}  // namespace runtime::inline v1::detail
