#pragma once

/* For a library that makes code of others run in fibers, and has to know of them what the code does not: where it is,
 * and when another fiber goes on. The preload library is such a companion. There is room for one in a process.
 *
 * A "fiber" here is a task, the root of block_on, or a branch of a select. */

#include <stddef.h>
#include <stdint.h>

#include <runtime/export.hpp>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory of the companion's own in every fiber: it lies on the fiber's stack, stays where it is, and is zero when a
 * task (a root, a branch) starts. */
typedef struct runtime_companion_words {
  uintptr_t word[4];
} runtime_companion_words;

/* What becomes of a root: the code inside block_on, which runs on the thread's own stack. */
enum runtime_root_event {
  RUNTIME_ROOT_BEGINS = 0,  /* block_on calls it */
  RUNTIME_ROOT_STOPS = 1,   /* it waits, and the loop runs above it */
  RUNTIME_ROOT_GOES_ON = 2, /* the loop returns to it */
  RUNTIME_ROOT_ENDS = 3     /* block_on returns */
};

typedef struct runtime_companion {
  size_t size; /* of this structure, as the companion was compiled */

  /* The fiber `from` stops, and `to` goes on, on this thread: after runtime_companion_watch_switches(). Called on the
   * stack of `from`, within the switch: it must neither park nor throw; it may change errno. The root's words stand for its stack's other user, too:
   * the loop, which runs while the root waits. */
  void (*switched)(runtime_companion_words* from, runtime_companion_words* to);

  /* After runtime_companion_watch_switches(): what becomes of a root, by a value of runtime_root_event. Called on its
   * thread, where runtime_companion_here() is still, or already, the root. Must neither park nor throw. */
  void (*root_event)(runtime_companion_words* root, int event);

  /* One line about a fiber for a dump, without its end: what it holds. Returns its length without the 0, or 0 for
   * nothing to say. May be null. Owner thread; must neither park nor throw. */
  size_t (*describe)(const runtime_companion_words* fiber, char* text, size_t size);
} runtime_companion;

/* The words of the fiber that calls; null on a thread that runs none, in the loop between fibers, and in a blocking
 * closure. Async-signal-safe; costs a few instructions. Any thread. */
RUNTIME_API runtime_companion_words* runtime_companion_here(void);

/* Installs the companion, for good; `companion` must stay as it is. 0, or EBUSY when there is one, or EINVAL when the
 * size is none that this library knows. Any thread. */
RUNTIME_API int runtime_companion_set(const runtime_companion* companion);

/* From now on the companion is told of switches: a few nanoseconds each, for the rest of the process. Any thread; async-
 * signal-safe. */
RUNTIME_API void runtime_companion_watch_switches(void);

/* A descriptor is about to be closed, or to become another one, by a call that this library does not see: who waits on it
 * in this process ends with EBADF. Any thread. */
RUNTIME_API void runtime_companion_closing(int fd);

/* It has been: who began to wait in between looks again. Any thread; keeps errno. */
RUNTIME_API void runtime_companion_closed(int fd);

#ifdef __cplusplus
}
#endif
