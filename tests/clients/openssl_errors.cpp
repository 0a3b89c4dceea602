#include "openssl_errors.hpp"

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <vector>

#include <openssl/err.h>

namespace clients {
namespace {

// Each raises one before any of them looks, and those who came last look first.
bool finds_its_own(int number, int count) {
  const int reason = 100 + number;
  ERR_raise(ERR_LIB_USER, reason);
  runtime::sleep_for(std::chrono::milliseconds(10 + count - number));
  const unsigned long own = ERR_get_error();
  const unsigned long another = ERR_get_error();
  if (ERR_GET_REASON(own) == reason && another == 0) return true;
  std::fprintf(stderr, "fiber %d raised error %d and found %d, then %d\n", number, reason, ERR_GET_REASON(own),
               ERR_GET_REASON(another));
  return false;
}

}  // namespace

bool errors_are_the_fibers_own(runtime::LocalRuntime& runtime, int count) {
  const std::size_t right = runtime.block_on([&] {
    std::vector<runtime::JoinHandle<bool>> tasks;
    for (int number = 0; number < count; ++number) {
      tasks.push_back(runtime::spawn_local([=] { return finds_its_own(number, count); }));
    }
    std::size_t found = 0;
    for (auto& task : tasks) found += task.join() ? 1 : 0;
    return found;
  });
  std::printf("openssl: %zu of %d fibers found their own error\n", right, count);
  return right == static_cast<std::size_t>(count);
}

}  // namespace clients
