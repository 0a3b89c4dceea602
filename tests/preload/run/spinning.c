/* A library with a call that no mode covers. */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

void spin(pthread_spinlock_t *lock);

void spin(pthread_spinlock_t *lock) {
  pthread_spin_lock(lock);
  usleep(1);
}
