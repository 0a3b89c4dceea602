// Planted fault: a task uses memory it has freed. Fails only under AddressSanitizer or Valgrind.

#include <runtime/runtime.hpp>

int main() {
  return runtime::run([] {
    auto task = runtime::spawn_local([] {
      int* freed = new int(1);
      delete freed;
      runtime::yield_now();  // on the way back onto this stack, the tool must still know it
      volatile int copy = *static_cast<volatile int*>(freed);  // Valgrind drops a load whose value goes nowhere
      return copy == 12345 ? 2 : 0;
    });
    return task.join();
  });
}
