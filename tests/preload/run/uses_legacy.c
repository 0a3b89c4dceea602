/* A program that has the preload library behind libc; nobody runs this. */
#include <unistd.h>

long legacy(void);

int main(void) { return (int)legacy() + close(0); }
