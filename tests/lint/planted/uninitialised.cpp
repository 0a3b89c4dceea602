// Planted fault: a task decides by a value that nobody wrote. Fails only under Valgrind.

#include <cstdio>
#include <cstdlib>

#include <runtime/runtime.hpp>

int main() {
  return runtime::run([] {
    auto task = runtime::spawn_local([] {
      int* unwritten = static_cast<int*>(std::malloc(sizeof(int)));
      runtime::yield_now();
      const bool decided = *static_cast<volatile int*>(unwritten) == 12345;
      if (decided) std::puts("a lucky number");
      std::free(unwritten);
      return 0;
    });
    return task.join();
  });
}
