// hello: 1,000 fibers wait 100 ms each, at the same time, on one thread.

#include <chrono>
#include <iostream>
#include <vector>

#include <runtime/posix.h>
#include <runtime/runtime.hpp>

int main() {
  using namespace std::chrono_literals;
  const auto start = std::chrono::steady_clock::now();
  runtime::run([] {
    std::vector<runtime::JoinHandle<void>> tasks;
    for (int i = 0; i < 500; ++i) {
      tasks.push_back(runtime::spawn_local([] { runtime::sleep_for(100ms); }));  // as new code says it
      tasks.push_back(runtime::spawn_local([] { runtime_usleep(100'000); }));    // as POSIX says it
    }
    for (auto& task : tasks) task.join();
  });
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  std::cout << "1,000 waits of 100 ms in " << took.count() << " ms\n";
}
