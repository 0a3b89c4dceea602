// A dump of many tasks: complete, and made in a time that grows with their number only.

#include <chrono>
#include <string>
#include <vector>

#include "dump_support.hpp"
#include "support.hpp"
#include "support/sanitized.hpp"

using namespace api_test;

namespace {

// ThreadSanitizer has room for some 8,000 fibers.
constexpr std::size_t kTasks = test::kThreadSanitizer ? 1'000 : 10'000;

RUNTIME_TEST_NOINLINE void wait_in_a_function_of_ours() {
  wait_for_ever();
  keep_frame();
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TEST_CASE("thousands of parked tasks") {
  Checked house(Builder().stack_size(64 * 1024));
  house.rt.block_on([] {
    std::vector<JoinHandle<void>> tasks;
    for (std::size_t i = 0; i < kTasks; ++i) tasks.push_back(runtime::spawn_local([] { wait_in_a_function_of_ours(); }));
    REQUIRE(eventually([] { return Handle::current().metrics().stacks_in_use() == kTasks; }));
    settle();

    const auto begin = std::chrono::steady_clock::now();
    const auto dump = Handle::current().dump();
    const double copied = seconds_since(begin);
    const std::string text = dump.to_text();
    const double written = seconds_since(begin);
    MESSAGE("copied in " << copied << " s, text of " << text.size() << " bytes after " << written << " s");

    CHECK(dump.size() == kTasks);
    CHECK(occurrences(text, "\n  waits for timer") == kTasks);
    if (kWalks) CHECK(occurrences(text, "wait_in_a_function_of_ours()") == kTasks);
    CHECK(written < 20);  // thousands of times what it takes; only a search that grows with the square comes near
    for (auto& task : tasks) task.abort();
  });
}
