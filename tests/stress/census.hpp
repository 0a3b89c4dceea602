#pragma once

// Who is alive: every closure, frame and result of a stress run carries a Ticket, and each must be given up exactly once.

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <utility>

namespace stress {

/// Ends the program. What to say about the run is printed by whoever set `where`.
inline void (*where)() = [] {};
[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "FAILED: %s\n", what);
  where();
  std::fflush(stderr);
  std::abort();
}
inline void check(bool holds, const char* what) {
  if (!holds) fail(what);
}

class Census {
 public:
  std::atomic<long> alive{0};
  std::atomic<long> ever{0};
};

/// One living thing. Moved along with its closure or result; a second destruction of the same is found out.
class Ticket {
 public:
  explicit Ticket(Census& census) : census_(&census) {
    ++census.alive;
    ++census.ever;
  }
  Ticket(Ticket&& other) noexcept : census_(std::exchange(other.census_, nullptr)) { check_mark(); }
  Ticket& operator=(Ticket&&) = delete;
  ~Ticket() {
    check_mark();
    mark_ = kDead;
    if (census_ != nullptr) --census_->alive;
  }

 private:
  static constexpr std::uint64_t kAlive = 0x5ca1ab1e0ddba115, kDead = 0xdeadc0dedeadc0de;
  void check_mark() const {
    if (mark_ != kAlive) fail("something was destroyed twice, or used after its end");
  }

  volatile std::uint64_t mark_ = kAlive;
  Census* census_;
};

/// Numbers from a seed, the same on every machine. One for each task: its parent's decides, so a seed is a whole story.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed * 0x9e3779b97f4a7c15 + 1) {}
  /// Below n.
  unsigned roll(unsigned n) { return static_cast<unsigned>(engine_() % n); }
  bool one_in(unsigned n) { return roll(n) == 0; }
  Dice fork() { return Dice(engine_()); }

 private:
  std::minstd_rand engine_{1};
};

}  // namespace stress
