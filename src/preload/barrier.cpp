#include <pthread.h>

#include <cerrno>

#include "preload/asked_once.hpp"
#include "preload/futex.hpp"
#include "preload/visit.hpp"
#include "preload/waiting_room.hpp"

// Barriers. The C library has no way to arrive without waiting, so a fiber does what a thread does in glibc, with a park
// where that sleeps. Threads wait in glibc, on the same words.

namespace runtime::preload {
namespace {

/// What glibc (since 2.25) keeps in a pthread_barrier_t. Threads are numbered as they arrive, and leave in rounds; before
/// the numbers overflow, the last one who leaves begins again at zero.
struct Words {
  unsigned arrived;
  unsigned current_round;  // the number of the last arrival of the last full round
  unsigned count;
  int is_shared;
  unsigned left;
};
static_assert(sizeof(Words) <= sizeof(pthread_barrier_t));

Words& words_of(pthread_barrier_t* barrier) noexcept { return *reinterpret_cast<Words*>(barrier); }

unsigned load(const unsigned& word) noexcept { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }

constexpr unsigned kMostArrivals = 0xFFFFFFFFu / 2;

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD_NEXT(int, pthread_barrier_wait, (pthread_barrier_t*))
RUNTIME_PRELOAD_NEXT(int, pthread_barrier_destroy, (pthread_barrier_t*))

namespace runtime::preload {
namespace {

/// A barrier for one is passed by one, and then its words are known.
bool has_known_words() noexcept {
  pthread_barrier_t probe;
  if (::pthread_barrier_init(&probe, nullptr, 1) != 0) return false;
  const int passed = next_pthread_barrier_wait(&probe);
  const Words words = words_of(&probe);
  next_pthread_barrier_destroy(&probe);
  return passed == PTHREAD_BARRIER_SERIAL_THREAD && words.arrived == 1 && words.current_round == 1 && words.count == 1 &&
         words.is_shared == 0 && words.left == 1;
}

/// Parks while `word` makes is_awaited(word) true. The barrier stays until we have left it.
template <class IsAwaited>
void park_while(const void* barrier, const unsigned& word, IsAwaited is_awaited) noexcept {
  TimeLimit none = TimeLimit::none();
  wait_until(barrier, none, [&] { return is_awaited(load(word)) ? EBUSY : 0; });
}

/// The number of this arrival, and the one from which on arrivals have to wait for the beginning.
unsigned arrive(pthread_barrier_t* barrier, Words& words, unsigned last) noexcept {
  for (;;) {
    const unsigned number = __atomic_add_fetch(&words.arrived, 1, __ATOMIC_ACQ_REL);
    if (number <= last) return number;
    park_while(barrier, words.arrived, [=](unsigned arrived) { return arrived > last; });
  }
}

/// The round of `number` has been full, or is now.
bool end_round(Words& words, unsigned number, unsigned count, int operation) noexcept {
  unsigned round = __atomic_load_n(&words.current_round, __ATOMIC_RELAXED);
  while (round + count <= number) {
    const unsigned full = number - number % count;
    if (!__atomic_compare_exchange_n(&words.current_round, &round, full, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) continue;
    wake_threads(&words.current_round, operation);
    round = full;
    break;
  }
  return number <= round;
}

void leave(Words& words, unsigned last, int operation) noexcept {
  if (__atomic_add_fetch(&words.left, 1, __ATOMIC_ACQ_REL) != last) return;
  // Everybody is out who will be before the beginning: nobody else writes now.
  __atomic_store_n(&words.current_round, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&words.left, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&words.arrived, 0, __ATOMIC_SEQ_CST);
  wake_threads(&words.arrived, operation);
}

int wait_parking(pthread_barrier_t* barrier) noexcept {
  if (!asked_once<&has_known_words>()) return next_pthread_barrier_wait(barrier);
  Words& words = words_of(barrier);
  const unsigned count = words.count;
  const unsigned last = kMostArrivals - kMostArrivals % count;
  const int operation = words.is_shared != 0 ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE;
  const unsigned number = arrive(barrier, words, last);
  if (!end_round(words, number, count, operation)) {
    park_while(barrier, words.current_round, [=](unsigned round) { return number > round; });
  }
  leave(words, last, operation);
  wake_all(barrier);
  return number % count == 0 ? PTHREAD_BARRIER_SERIAL_THREAD : 0;
}

/// glibc waits until everybody who was let through has left. Fibers of this thread have to run for that.
int destroy_parking(pthread_barrier_t* barrier) noexcept {
  if (asked_once<&has_known_words>()) {
    Words& words = words_of(barrier);
    park_while(barrier, words.left, [&](unsigned left) { return left != load(words.arrived); });
  }
  return next_pthread_barrier_destroy(barrier);
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD_EXPORT(int, pthread_barrier_wait, (pthread_barrier_t* barrier)) {
  using namespace runtime::preload;
  if (runtime_companion_words* fiber = runtime_companion_here(); fiber != nullptr) {
    const Visit visit(*fiber, __builtin_return_address(0), call_pthread_barrier_wait);
    if (visit.is_ours()) return wait_parking(barrier);
  }
  const int result = next_pthread_barrier_wait(barrier);
  wake_all(barrier);
  return result;
}

RUNTIME_PRELOAD_EXPORT(int, pthread_barrier_destroy, (pthread_barrier_t* barrier)) {
  using namespace runtime::preload;
  if (runtime_companion_words* fiber = runtime_companion_here(); fiber != nullptr) {
    const Visit visit(*fiber, __builtin_return_address(0), call_pthread_barrier_destroy);
    if (visit.is_ours()) return destroy_parking(barrier);
  }
  return next_pthread_barrier_destroy(barrier);
}
