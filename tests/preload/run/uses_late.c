/* A program whose library is linked with the preload library: that comes after the C library, too late. */
#include <stdio.h>
#include <unistd.h>

int from_library(void);

int main(void) {
  sleep(0);
  printf("%d\n", from_library());
  return 0;
}
