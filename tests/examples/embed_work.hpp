#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <runtime/runtime.hpp>

namespace examples {

/// What the three embedding examples let their loops run: tasks that sleep, talk over a socket pair, and compute on the
/// pool. It counts what the loop around them had to do for that.
///
/// Thread safety: the thread that owns the runtime. Borrows: the runtime.
class EmbedWork final {
 public:
  /// Spawns the tasks. Throws: std::system_error.
  explicit EmbedWork(runtime::LocalRuntime& rt);
  EmbedWork(const EmbedWork&) = delete;
  EmbedWork& operator=(const EmbedWork&) = delete;
  ~EmbedWork();

  /// What the loop calls whenever rt.poll_fd() is readable, and at no other time.
  void run_ready();
  bool is_done() const noexcept;

  /// Prints what the tasks did and how often the loop woke for them. `own_ticks`: how often a timer of the loop's own,
  /// which knows nothing of the runtime, went off meanwhile.
  void report(const char* loop, int own_ticks) const;

 private:
  void tick();
  void echo();
  void talk();
  void compute();

  runtime::LocalRuntime& rt_;
  int server_ = -1, client_ = -1;  // a socket pair
  std::vector<runtime::JoinHandle<void>> tasks_;

  int ticks_ = 0;
  std::string heard_;
  int sum_ = 0;
  std::size_t wakes_ = 0;
  std::size_t in_vain_ = 0;  // wakes after which no task was resumed
  std::size_t resumes_ = 0;
};

}  // namespace examples
