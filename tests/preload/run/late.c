/* Loads the library given to it when it is too late for its names to be found. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char** argv) {
  void* library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : 0;
  if (library == 0) {
    fprintf(stderr, "%s\n", argc > 1 ? dlerror() : "usage: late LIBRARY");
    return 1;
  }
  puts("loaded");
  return 0;
}
