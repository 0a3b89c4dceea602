// Planted fault: a task writes behind an array on its own fiber's stack. Fails only under AddressSanitizer, and only if
// that knows the stack it is on after a switch.

#include <cstddef>

#include <runtime/runtime.hpp>

namespace {

// A function of its own, so that no check of array bounds speaks first.
[[gnu::noinline]] void write_to(volatile char* at) { *at = 1; }

}  // namespace

int main(int argc, char**) {
  return runtime::run([argc] {
    auto task = runtime::spawn_local([argc] {
      volatile char bytes[16] = {};
      runtime::yield_now();
      write_to(&bytes[0] + sizeof bytes + static_cast<std::size_t>(argc) - 1);
      return bytes[0] == 0 ? 0 : 2;
    });
    return task.join();
  });
}
