#include <pthread.h>
#include <sched.h>
#include <threads.h>
#include <unistd.h>

#include "preload/pause.hpp"
#include "preload/visit.hpp"

// Starting a thread or a child does not wait. It is a call of ours so that complete mode leaves alone what the C library
// does there: it blocks all signals meanwhile, and clones.

RUNTIME_PRELOAD(int, pthread_create,
                (pthread_t * thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument),
                (thread, attributes, start, argument), next_pthread_create(thread, attributes, start, argument))
RUNTIME_PRELOAD(int, thrd_create, (thrd_t * thread, thrd_start_t start, void* argument), (thread, start, argument),
                next_thrd_create(thread, start, argument))

RUNTIME_PRELOAD(pid_t, fork, (), (), next_fork())
RUNTIME_PRELOAD_ALIAS(pid_t, __fork, fork, ())

// Giving way, to fibers as well as to threads: who spins on what a sibling is to do would spin for ever.

namespace runtime::preload {
namespace {

int give_way() noexcept {
  pause(0);
  return 0;
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(int, sched_yield, (), (), (next_sched_yield(), give_way()))
RUNTIME_PRELOAD_ALIAS(int, __sched_yield, sched_yield, ())
RUNTIME_PRELOAD_ALIAS(int, pthread_yield, sched_yield, ())

RUNTIME_PRELOAD_NEXT(void, thrd_yield, ())
RUNTIME_PRELOAD_EXPORT(void, thrd_yield, ()) {
  runtime_preloaded_sched_yield();
}
