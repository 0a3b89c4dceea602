/* A program whose uncovered call is in a library of it; nobody runs this. */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

void spin(pthread_spinlock_t *lock);

int main(void) {
  pthread_spinlock_t lock;
  pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
  spin(&lock);
  return close(0);
}
