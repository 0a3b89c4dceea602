/* A library that was linked with the preload library, which does not help. */
#include <unistd.h>

int runtime_preloaded(void);
long legacy(void);

long legacy(void) {
  char byte = 0;
  return runtime_preloaded() + read(0, &byte, 1);
}
