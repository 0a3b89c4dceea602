/* In the place of libruntime.so: the calls of what only it needs are its own business. */
#define _GNU_SOURCE
#include <pthread.h>

void spin(pthread_spinlock_t *lock);
void run(void);

void run(void) {
  pthread_spinlock_t lock;
  spin(&lock);
}
