// Calls read() as a compiler would that keeps the address of what it calls twice.
#include <unistd.h>

long read_twice(int fd, void* bytes, unsigned long size);

__attribute__((visibility("default"))) long read_twice(int fd, void* bytes, unsigned long size) {
  ssize_t (*call)(int, void*, size_t) = &read;
  __asm__("" : "+r"(call));
  const ssize_t first = call(fd, bytes, size);
  return first < 0 ? first : call(fd, bytes, size);
}
