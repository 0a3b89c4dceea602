#pragma once

#include "blocking/pool.hpp"
#include "task/hook.hpp"

namespace runtime::inline v1::detail {

class Inner;

/// What the user wants to have called on pool threads.
struct ThreadHooks {
  task::Hook on_start;
  task::Hook on_stop;
  task::Hook name;
};

/// Calls the hooks of pool threads, inside the runtime's context; each thread keeps the runtime's memory meanwhile.
///
/// Borrows: the runtime, which it is a part of. Thread safety: as blocking::ThreadWatcher says.
class PoolWatcher final : public blocking::ThreadWatcher {
 public:
  PoolWatcher(Inner& inner, const ThreadHooks& hooks) : inner_(inner), hooks_(hooks) {}

  bool is_wanted() const noexcept { return hooks_.on_start || hooks_.on_stop || hooks_.name; }

  void thread_is_made() noexcept override;
  void thread_starts() noexcept override;
  void thread_stops() noexcept override;
  void thread_is_gone() noexcept override;

 private:
  Inner& inner_;
  const ThreadHooks hooks_;
};

}  // namespace runtime::inline v1::detail
