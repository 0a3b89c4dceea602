// Planted fault: a pool thread and a fiber write one variable, with nothing between them. Fails only under
// ThreadSanitizer, which finds it by what happens before what, not by luck in timing.

#include <runtime/runtime.hpp>

int main() {
  int shared = 0;
  runtime::run([&shared] {
    auto on_pool = runtime::spawn_blocking([&shared] { shared = 1; });
    auto on_fiber = runtime::spawn_local([&shared] { shared = 2; });
    on_fiber.join();
    on_pool.join();
  });
  return 0;
}
