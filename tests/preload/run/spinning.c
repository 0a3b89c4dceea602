/* A library with a call that no mode covers, and a plugin. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

void spin(pthread_spinlock_t *lock);

void spin(pthread_spinlock_t *lock) {
  if (dlopen("plugin.so", RTLD_NOW)) return;
  pthread_spin_lock(lock);
  usleep(1);
}
