#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {

class Handle;

/// What every task of a runtime was doing at one moment: a value, valid after the runtime. See Handle::dump().
///
/// Of each task: its id, name, state and spawn site; what it waits for and since when (to within the time between two
/// looks at the driver); the calls its fiber is in. Tasks that wait for each other in a ring, and none of them with a
/// deadline, are named as a deadlock.
/// Function names come from the symbol tables of the program and its libraries; for files and lines hand a module's path
/// and offset to addr2line(1). Written on a small stack, long names stay as the linker knows them, for c++filt(1). One that was moved from may only be assigned to or destroyed.
/// Thread safety: one thread at a time.
class RUNTIME_API Dump final {
 public:
  Dump(Dump&&) noexcept;
  Dump& operator=(Dump&&) noexcept;
  ~Dump();

  /// Tasks in it; neither the root nor branches of select() are counted.
  std::size_t size() const noexcept;

  /// For people. Throws: std::bad_alloc.
  std::string to_text() const { return render(&Dump::write_text); }

  /// For programs, one object:
  ///
  ///     {"runtime": {"id": N, "name": S},
  ///      "tasks": [TASK, …],        in spawn order
  ///      "root": TASK or null,      the code inside block_on; id 0
  ///      "deadlocks": [[N, …], …]}  ids of tasks of which each waits for the next and the last for the first
  ///
  ///     TASK:  {"id": N, "name": S, "state": "running" | "ready" | "parked", "started": B, "cancelled": B,
  ///             "spawned_at": "file:line", "waits": [WAIT, …], "frames": [FRAME, …], "branches": [TASK, …]}
  ///     WAIT:  {"for": S, "since_ns": N, …}, the innermost first; and, where it applies, "fd": N with "interest": S,
  ///            "remaining_ns": N (timer; zero when overdue), "task": N (the one that is joined, or holds the lock),
  ///            "object": S (tells two locks apart)
  ///     FRAME: {"address": S, "function": S, "offset": N, "module": S, "module_offset": N}, the innermost first; what is
  ///            not known is an empty string. A TASK with more calls than are shown has "more_frames": true; one of
  ///            which the process's companion (<runtime/companion.h>) has something to say has "note": S
  ///
  /// Members may be added. Text that is not UTF-8 is given with U+FFFD in its place.
  /// Throws: std::bad_alloc.
  std::string to_json() const { return render(&Dump::write_json); }

 private:
  friend class Handle;
  class RUNTIME_LOCAL Impl;
  explicit Dump(std::unique_ptr<Impl> impl) noexcept;

  using Sink = void (*)(void* arg, const char* text, std::size_t size);
  void write_text(Sink sink, void* arg) const;
  void write_json(Sink sink, void* arg) const;

  std::string render(void (Dump::*write)(Sink, void*) const) const {
    std::string result;
    (this->*write)(
        [](void* arg, const char* text, std::size_t size) { static_cast<std::string*>(arg)->append(text, size); }, &result);
    return result;
  }

  std::unique_ptr<Impl> impl_;
};

}  // namespace v1
}  // namespace runtime
