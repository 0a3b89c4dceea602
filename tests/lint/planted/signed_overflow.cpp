// Planted fault: a task lets a signed integer overflow. Fails only under UndefinedBehaviorSanitizer.

#include <climits>

#include <runtime/runtime.hpp>

int main(int argc, char**) {
  return runtime::run([argc] {
    auto task = runtime::spawn_local([argc] {
      volatile int sum = INT_MAX;
      sum = sum + argc;
      return sum * 0;
    });
    return task.join();
  });
}
