// Planted fault: a task forgets what it allocated. Fails only under LeakSanitizer, which comes with AddressSanitizer.

#include <runtime/runtime.hpp>

int main() {
  return runtime::run([] {
    auto task = runtime::spawn_local([] {
      int* volatile forgotten = new int(1);
      runtime::yield_now();
      const int value = *forgotten;
      forgotten = nullptr;
      return value - 1;
    });
    return task.join();
  });
}
