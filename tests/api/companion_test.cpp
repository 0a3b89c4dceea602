// What a companion library is told: where code runs, when another fiber goes on, and that its words are its own.

#include <unistd.h>

#include <runtime/companion.h>
#include <runtime/posix.h>
#include <runtime/runtime.hpp>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <thread>

#include <doctest/doctest.h>

namespace {

// What the companion below has heard, on one thread.
struct Heard {
  std::size_t switches = 0;
  std::size_t goes_on = 0;  // the root's code
  std::size_t stops = 0;
  std::size_t begun_and_ended = 0;
  std::map<runtime_companion_words*, std::uintptr_t> left;  // a fiber's first word when it stopped
  bool was_right = true;                                    // and that it was the same when it went on
};
thread_local Heard heard;

void switched(runtime_companion_words* from, runtime_companion_words* to) {
  ++heard.switches;
  heard.left[from] = from->word[0];
  if (const auto known = heard.left.find(to); known != heard.left.end() && to->word[0] != 0) {
    heard.was_right = heard.was_right && known->second == to->word[0];
  }
  errno = 77;  // which nobody sees
}

void root_event(runtime_companion_words* root, int event) {
  const bool runs = event == RUNTIME_ROOT_BEGINS || event == RUNTIME_ROOT_GOES_ON;
  ++(runs ? heard.goes_on : heard.stops);
  heard.was_right = heard.was_right && heard.goes_on - heard.stops == static_cast<std::size_t>(runs ? 1 : 0);
  if (event == RUNTIME_ROOT_BEGINS || event == RUNTIME_ROOT_ENDS) {
    heard.was_right = heard.was_right && root == runtime_companion_here();
    ++heard.begun_and_ended;
  }
}

std::size_t describe(const runtime_companion_words* fiber, char* text, std::size_t size) {
  if (fiber->word[1] == 0) return 0;
  const std::string note = "holds number " + std::to_string(fiber->word[1]);
  std::strncpy(text, note.c_str(), size);
  return note.size();
}

const runtime_companion kCompanion{sizeof(runtime_companion), &switched, &root_event, &describe};

// Before main(), as a preloaded library would.
const int installed = runtime_companion_set(&kCompanion);

}  // namespace

TEST_CASE("there is room for one companion, of the size that the library knows") {
  CHECK(installed == 0);
  CHECK(runtime_companion_set(&kCompanion) == EBUSY);
  runtime_companion other = kCompanion;
  other.size = sizeof other + 8;
  CHECK(runtime_companion_set(&other) == EINVAL);
  other.size = sizeof other;
  other.switched = nullptr;
  CHECK(runtime_companion_set(&other) == EINVAL);
  CHECK(runtime_companion_set(nullptr) == EINVAL);
}

TEST_CASE("words are each fiber's own, zero when it starts, and nobody's outside") {
  CHECK(runtime_companion_here() == nullptr);
  runtime::run([] {
    runtime_companion_words* root = runtime_companion_here();
    REQUIRE(root != nullptr);
    CHECK(root->word[0] == 0);
    root->word[0] = 1;
    for (int round = 0; round < 3; ++round) {  // on stacks that were used before
      runtime::JoinSet<void> set;
      for (std::uintptr_t i = 10; i < 20; ++i) {
        set.spawn_local([i] {
          runtime_companion_words* mine = runtime_companion_here();
          for (const std::uintptr_t word : mine->word) CHECK(word == 0);
          for (std::uintptr_t& word : mine->word) word = i;
          runtime::yield_now();
          runtime::sleep_for(std::chrono::microseconds(100));
          CHECK(runtime_companion_here() == mine);
          for (const std::uintptr_t word : mine->word) CHECK(word == i);
        });
      }
      set.join_all();
    }
    CHECK(runtime::spawn_blocking([] { return runtime_companion_here(); }).join() == nullptr);
    auto branches = runtime::select(
        [&] {
          CHECK(runtime_companion_here() != root);
          return runtime_companion_here()->word[0];
        },
        [] {
          runtime::sleep_for(std::chrono::hours(1));
          return std::uintptr_t{0};
        });
    CHECK(branches.get<0>() == 0);
    CHECK(runtime_companion_here() == root);
    CHECK(root->word[0] == 1);
    // A runtime inside: a root of its own.
    runtime::LocalRuntime inner;
    inner.block_on([&] {
      CHECK(runtime_companion_here() != root);
      CHECK(runtime_companion_here()->word[0] == 0);
    });
  });
  CHECK(runtime_companion_here() == nullptr);
}

TEST_CASE("a dump has what the companion says of a fiber") {
  runtime::run([] {
    auto task = runtime::spawn_local([] {
      runtime_companion_here()->word[1] = 4711;
      runtime::sleep_for(std::chrono::hours(1));
    });
    runtime::yield_now();
    const runtime::Dump dump = runtime::Handle::current().dump();
    CHECK(dump.to_text().find("holds number 4711\n") != std::string::npos);
    CHECK(dump.to_json().find("\"note\":\"holds number 4711\"") != std::string::npos);
    task.abort();
    CHECK_THROWS_AS(task.join(), runtime::JoinError);
  });
}

TEST_CASE("who waits on a descriptor that a companion sees closed ends with EBADF") {
  runtime::run([] {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    auto reader = runtime::spawn_local([fd = ends[0]] {
      char byte;
      const ssize_t n = runtime_read(fd, &byte, 1);
      return std::pair(n, errno);
    });
    runtime::yield_now();
    std::thread closer([fd = ends[0]] {
      runtime_companion_closing(fd);
      CHECK(::close(fd) == 0);
      errno = 5;
      runtime_companion_closed(fd);
      CHECK(errno == 5);
    });
    CHECK(reader.join() == std::pair<ssize_t, int>(-1, EBADF));
    closer.join();
    ::close(ends[1]);
  });
}

// The last: from here on the process tells of switches.
TEST_CASE("a companion that asks is told of switches and of the root, and changes nobody's errno") {
  heard = {};
  runtime::run([] { runtime::spawn_local([] { runtime::yield_now(); }).join(); });
  CHECK(heard.switches == 0);
  runtime_companion_watch_switches();
  runtime::run([] {
    runtime::JoinSet<void> set;
    for (std::uintptr_t i = 1; i <= 5; ++i) {
      set.spawn_local([i] {
        runtime_companion_here()->word[0] = i;
        errno = static_cast<int>(i);
        for (int turn = 0; turn < 10; ++turn) {
          runtime::yield_now();
          CHECK(errno == static_cast<int>(i));
        }
        runtime::sleep_for(std::chrono::microseconds(100));
        CHECK(errno == static_cast<int>(i));
      });
    }
    set.join_all();
  });
  CHECK(heard.switches >= 5 * 11);
  CHECK(heard.was_right);
  CHECK(heard.goes_on > 1);
  CHECK(heard.goes_on == heard.stops);
  CHECK(heard.begun_and_ended % 2 == 0);  // shutting down is done by the root, too
}
