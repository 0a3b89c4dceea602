#include "preload/once.hpp"

#include <pthread.h>
#include <threads.h>

#include <cerrno>
#include <mutex>

#include "preload/futex.hpp"
#include "preload/visit.hpp"
#include "preload/waiting_room.hpp"

// pthread_once() and call_once(), and so std::call_once(), which is built on them. A second fiber of the thread that came
// while the first one's function is parked would make glibc block the thread, for ever.
//
// There is no way to ask glibc without waiting, so a fiber does what a thread does in glibc, on the same word: 0; the
// number of forks and 1 while the function runs; 2. Threads that wait do so in the kernel, on the word, and are woken.

RUNTIME_PRELOAD_NEXT(int, pthread_once, (pthread_once_t*, void (*)()))

namespace runtime::preload {
namespace {

constexpr int kRuns = 1;
constexpr int kDone = 2;

/// 0 when this glibc's words are not those that we know.
constinit std::atomic<int> running_word = -1;

pthread_once_t probe = PTHREAD_ONCE_INIT;
int seen_in_probe = 0;

void look_at_probe() { seen_in_probe = __atomic_load_n(&probe, __ATOMIC_RELAXED); }

/// What glibc writes while a function runs, asked of itself: it holds a number that no header gives. Owner of the answer
/// is the process: a fork changes the number, and forgets the answer.
int ask_running_word() noexcept {
  // Two threads may ask at once, and one of them sees nothing then; both wait here until the function has run.
  next_pthread_once(&probe, &look_at_probe);
  const bool is_known = (seen_in_probe & 3) == kRuns && probe == kDone;
  const int word = is_known ? seen_in_probe : 0;
  running_word.store(word, std::memory_order_relaxed);
  return word;
}

int word_while_running() noexcept {
  const int word = running_word.load(std::memory_order_relaxed);
  return word >= 0 ? word : ask_running_word();
}

bool is_done(const pthread_once_t* control) noexcept {
  return (__atomic_load_n(control, __ATOMIC_ACQUIRE) & kDone) != 0;
}

/// libstdc++ hands the function of std::call_once() over in two thread-locals, which siblings set while this fiber parks.
class HandedOver final {
 public:
  HandedOver() noexcept : callable_(std::__once_callable), call_(std::__once_call) {}
  HandedOver(const HandedOver&) = delete;
  HandedOver& operator=(const HandedOver&) = delete;
  ~HandedOver() {
    std::__once_callable = callable_;
    std::__once_call = call_;
  }

 private:
  void* callable_;
  void (*call_)();
};

enum class Turn : unsigned char { ours, over };

/// Parks while the function runs elsewhere.
Turn wait_for_turn(pthread_once_t* control, int running) noexcept {
  const auto try_to_begin = [=] {
    int word = __atomic_load_n(control, __ATOMIC_ACQUIRE);
    // A function that ran while its process was forked does not go on in the child, where the number is another one.
    while ((word & kDone) == 0 && word != running) {
      if (__atomic_compare_exchange_n(control, &word, running, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) return 0;
    }
    return (word & kDone) != 0 ? EALREADY : EBUSY;
  };
  const HandedOver handed_over;
  TimeLimit none = TimeLimit::none();
  return wait_until(control, none, try_to_begin) == 0 ? Turn::ours : Turn::over;
}

/// A run of the function: what ends it by an exception, or by the end of its thread, lets the next one try.
class Run final {
 public:
  explicit Run(pthread_once_t* control) noexcept : control_(control) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    const Selector before = exchange_selector(Selector::allow);
    __atomic_store_n(control_, end_, __ATOMIC_SEQ_CST);
    wake_threads(control_, FUTEX_WAKE_PRIVATE);
    wake_all(control_);
    selector = before;
  }
  void succeed() noexcept { end_ = kDone; }

 private:
  pthread_once_t* control_;
  int end_ = 0;
};

/// Fibers that wait for what a thread runs.
class WakeAtEnd final {
 public:
  explicit WakeAtEnd(const void* address) noexcept : address_(address) {}
  WakeAtEnd(const WakeAtEnd&) = delete;
  WakeAtEnd& operator=(const WakeAtEnd&) = delete;
  ~WakeAtEnd() { wake_all(address_); }

 private:
  const void* address_;
};

/// The function itself runs outside of the visit: its calls are the program's.
int once(pthread_once_t* control, void (*function)(), Call& call, const void* caller) {
  if (is_done(control)) return 0;
  if (runtime_companion_words* fiber = runtime_companion_here(); fiber != nullptr) {
    Turn turn = Turn::over;
    int running = 0;
    {
      const Visit visit(*fiber, caller, call);
      running = visit.is_ours() ? word_while_running() : 0;
      if (running != 0) turn = wait_for_turn(control, running);
    }
    if (running != 0) {
      if (turn == Turn::over) return 0;
      Run run(control);
      function();
      run.succeed();
      return 0;
    }
  }
  const WakeAtEnd wake(control);
  return next_pthread_once(control, function);
}

}  // namespace

void forget_once_word() noexcept {
  probe = PTHREAD_ONCE_INIT;
  running_word.store(-1, std::memory_order_relaxed);
}

}  // namespace runtime::preload

RUNTIME_PRELOAD_EXPORT(int, pthread_once, (pthread_once_t* control, void (*function)())) {
  using namespace runtime::preload;
  return once(control, function, call_pthread_once, __builtin_return_address(0));
}
RUNTIME_PRELOAD_ALIAS(int, __pthread_once, pthread_once, (pthread_once_t*, void (*)()))

// In glibc a once_flag is the same word. next_call_once is not called: pthread_once() behind us does the same.
RUNTIME_PRELOAD_NEXT(void, call_once, (once_flag*, void (*)()))
RUNTIME_PRELOAD_EXPORT(void, call_once, (once_flag* flag, void (*function)())) {
  using namespace runtime::preload;
  once(reinterpret_cast<pthread_once_t*>(flag), function, call_call_once, __builtin_return_address(0));
}
