#include <pthread.h>
#include <threads.h>

#include "preload/visit.hpp"

// Starting a thread does not wait. It is a call of ours so that complete mode leaves alone what the C library does there:
// it blocks all signals meanwhile, and clones.

RUNTIME_PRELOAD(int, pthread_create,
                (pthread_t * thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument),
                (thread, attributes, start, argument), next_pthread_create(thread, attributes, start, argument))
RUNTIME_PRELOAD(int, thrd_create, (thrd_t * thread, thrd_start_t start, void* argument), (thread, start, argument),
                next_thrd_create(thread, start, argument))
