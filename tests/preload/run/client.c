/* A program of a runtime, with one call of its own; nobody runs this. */
#include <unistd.h>

void run(void);

int main(void) {
  run();
  return close(0);
}
