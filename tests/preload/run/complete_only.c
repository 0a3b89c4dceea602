/* A call by number, and one that only complete mode covers; nobody runs this. */
#define _GNU_SOURCE
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
  char byte = 0;
  return (int)syscall(SYS_gettid) + (getpwent() != 0) + (int)read(0, &byte, 1);
}
