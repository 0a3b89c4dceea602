#pragma once

#include "base/compiler.hpp"
#include "blocking/pool.hpp"
#include "driver/driver.hpp"
#include "task/task.hpp"

namespace runtime::inline v1::context {

/// What a runtime is to the code that runs in it.
///
/// Borrows: all of it, from the runtime.
struct Context {
  void* runtime;            // for the floor that knows what it is
  driver::Driver* driver;   // to be used on the owner thread only, but for its clock
  blocking::Pool* pool;
  bool has_time = true;     // Builder::enable_time()
  bool has_io = true;       // Builder::enable_io()
};

/// A runtime that some code is in, and where it was before.
struct Place {
  const Context* context;
  Place* outer;
};

/// The innermost place of the code that runs on this thread: a Place*. It travels with the fiber: a fiber that holds a
/// guard across a park must not change where its siblings are.
extern constinit thread_local void* innermost_place RUNTIME_TLS;

/// One entering of a runtime by this thread, or by one fiber of it: entries nest strictly. Does not move.
class Entry final {
 public:
  explicit Entry(const Context& context) noexcept
      : place_{&context, static_cast<Place*>(innermost_place)} {
    innermost_place = &place_;
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  /// Reports and terminates if a later entry is still there.
  ~Entry();

 private:
  Place place_;
};

/// Null outside every runtime.
inline const Context* current() noexcept {
  const auto* place = static_cast<const Place*>(innermost_place);
  return place != nullptr ? place->context : nullptr;
}

/// Of the runtime that a task belongs to, whatever else it has entered.
inline const Context& of(const task::Task& task) noexcept {
  return *static_cast<const Context*>(task.schedule->context());
}

}  // namespace runtime::inline v1::context
