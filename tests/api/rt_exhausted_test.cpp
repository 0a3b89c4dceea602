// What the kernel refuses: stacks, descriptors, threads. Each is a std::system_error that names what was tried, and the
// runtime goes on.

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace api_test;

namespace {

constexpr std::size_t kQuarterOfEverything = std::size_t{1} << 46;  // two of these are more than a process can address

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

/// As the kernel's list in /proc, which itself takes a descriptor to read.
int count_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += is_open(fd) ? 1 : 0;
  return count;
}

/// While it lives, this process can open so many descriptors more and no others.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(int more) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    int highest = 1023;
    while (!is_open(highest)) --highest;
    // Numbers may have gaps; they are filled, so that the limit is exact.
    for (int fd = 0; fd < highest; ++fd) {
      if (!is_open(fd)) fillers_.push_back(::fcntl(highest, F_DUPFD_CLOEXEC, fd));
    }
    rlimit lowered = before_;
    lowered.rlim_cur = static_cast<rlim_t>(highest + 1 + more);
    ::setrlimit(RLIMIT_NOFILE, &lowered);
  }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  ~DescriptorLimit() {
    ::setrlimit(RLIMIT_NOFILE, &before_);
    for (const int fd : fillers_) ::close(fd);
  }

 private:
  rlimit before_{};
  std::vector<int> fillers_;
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

bool skip_under_sanitizers(const char* why) {
  if (kSanitized) MESSAGE("skipped: " << why);
  return kSanitized;
}
constexpr const char* kNoGiants = "a sanitizer takes as long to note a stack as the stack is large";
constexpr const char* kNoFullTable = "UBSan needs descriptors of its own to look at an object, and reports a fault without";

bool kernel_promises_any_memory() {
  int mode = 0;
  std::ifstream("/proc/sys/vm/overcommit_memory") >> mode;
  return mode == 1;
}

}  // namespace

TEST_CASE("a stack that cannot be mapped: join says so, and everybody else goes on") {
  if (skip_under_sanitizers(kNoGiants)) return;
  Checked house;
  house.rt.block_on([&] {
    runtime::TaskBuilder giants;
    giants.stack_size(kQuarterOfEverything);
    // Parked, so that the first stack, if there is one, is still in use when the second is wanted.
    std::vector<JoinHandle<void>> tasks;
    int destroyed = 0;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(giants.spawn_local([f = Farewell([&] { ++destroyed; })] { wait_for_ever(); }));
    }
    auto other = runtime::spawn_local([] { return 7; });
    settle();
    const auto refused = std::count_if(tasks.begin(), tasks.end(), [](auto& task) { return task.is_finished(); });
    CHECK(refused >= 2);
    CHECK(destroyed == refused);
    CHECK(house.rt.metrics().num_alive_tasks() == static_cast<std::uint64_t>(3 - refused));
    for (auto& task : tasks) {
      if (task.is_finished()) {
        CHECK(os_error_of([&] { task.join(); }) == ENOMEM);
      } else {
        task.abort();
        CHECK_THROWS_AS(task.join(), JoinError);
      }
    }
    CHECK(other.join() == 7);
    CHECK(runtime::TaskBuilder().stack_size(1 << 20).spawn_local([] { return 8; }).join() == 8);
  });
}

TEST_CASE("a runtime whose stacks cannot be mapped can be built, used and destroyed") {
  if (skip_under_sanitizers(kNoGiants)) return;
  Checked house(Builder().stack_size(kQuarterOfEverything).stack_guard_size(kQuarterOfEverything));
  house.rt.block_on([&] {
    for (int i = 0; i < 3; ++i) {
      auto task = runtime::spawn_local([] { return 1; });
      CHECK(os_error_of([&] { task.join(); }) == ENOMEM);
    }
    CHECK(runtime::TaskBuilder().spawn_blocking([] { return 2; }).join() == 2);
  });
}

TEST_CASE("captures that wait where no stack can be had do not hold up a round of run_ready() or of a shutdown") {
  if (skip_under_sanitizers(kNoGiants)) return;
  for (const bool shutdown : {false, true}) {
    Checked house(Builder().stack_size(kQuarterOfEverything).stack_guard_size(kQuarterOfEverything));
    int destroyed = 0;
    house.rt.spawn_local([f = Farewell([&destroyed, handle = house.rt.handle()] {
                           handle.spawn_local([g = Farewell([&] { ++destroyed; })] {});
                           runtime::sleep_for(1ms);
                           ++destroyed;
                         })] {});
    if (shutdown) {
      CHECK(house.rt.shutdown_background().tasks_left_parked == 0);
    } else {
      while (destroyed < 2) house.rt.run_ready();
    }
    CHECK(destroyed == 2);
  }
}

TEST_CASE("a child or a branch that can have no stack is an error of its scope, or of the select, as any other") {
  if (skip_under_sanitizers(kNoGiants)) return;
  Checked house(Builder().stack_size(kQuarterOfEverything).stack_guard_size(kQuarterOfEverything));
  house.rt.block_on([] {
    for (const bool has_captures : {false, true}) {
      bool body_unwound = false;
      CHECK(os_error_of([&] {
              runtime::scope([&](runtime::Scope& s) {
                has_captures ? static_cast<void>(s.spawn([f = Farewell([] {})] {})) : static_cast<void>(s.spawn([] {}));
                const AtExit at_exit([&] { body_unwound = true; });
                wait_for_ever();
              });
            }) == ENOMEM);
      CHECK(body_unwound);
    }
    CHECK(os_error_of([] { runtime::join_all_of([] { return 1; }, [] {}); }) == ENOMEM);
    CHECK(os_error_of([] { runtime::select([] { return 1; }).get<0>(); }) == ENOMEM);
    runtime::JoinSet<void> set;
    set.spawn_local([] {});
    CHECK(os_error_of([&] { set.join_next(); }) == ENOMEM);
    CHECK(set.empty());
  });
}

TEST_CASE("a full descriptor table: building says so, leaks nothing, and works again afterwards") {
  if (skip_under_sanitizers(kNoFullTable)) return;
  const Limits limits;
  int refused = 0;
  bool built = false;
  for (int more = 0; more < 12 && !built; ++more) {
    const DescriptorLimit limit(more);
    const int before = count_descriptors();
    const int error = os_error_of([&] {
      LocalRuntime rt;
      built = rt.block_on([] { return runtime::spawn_local([] { return true; }).join(); });
    });
    CHECK(count_descriptors() == before);
    CHECK(error == (built ? 0 : EMFILE));
    if (!built) ++refused;
  }
  CHECK(built);
  CHECK(refused > 1);
}

TEST_CASE("a full descriptor table does not disturb a runtime that is there") {
  if (skip_under_sanitizers(kNoFullTable)) return;
  Checked house;
  std::array<int, 2> fds{};
  REQUIRE(::pipe(fds.data()) == 0);
  house.rt.block_on([&] {
    const DescriptorLimit limit(0);
    char byte = 0;
    auto reader = runtime::spawn_local([&] { return ::runtime_read(fds[0], &byte, 1); });
    settle();
    runtime::sleep_for(100us);
    CHECK(::runtime_write(fds[1], "d", 1) == 1);
    CHECK(reader.join() == 1);
    CHECK(byte == 'd');
    CHECK(os_error_of([] { LocalRuntime(); }) == EMFILE);
    CHECK(runtime::offload([] { return 2; }) == 2);
  });
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_CASE("a runtime inside a task, without a descriptor left, is refused or waits without one") {
  if (skip_under_sanitizers(kNoFullTable)) return;
  Checked house;
  house.rt.block_on([] {
    bool built = false;
    for (int more = 0; more < 12 && !built; ++more) {
      const DescriptorLimit limit(more);
      const int before = count_descriptors();
      const int error = os_error_of([&] {
        runtime::run([&] {
          runtime::sleep_for(100us);
          built = true;
        });
      });
      CHECK(error == (built ? 0 : EMFILE));
      CHECK(count_descriptors() == before);
    }
    CHECK(built);
  });
}

TEST_CASE("a pool thread that cannot be created: the spawn says so, its closure is destroyed, the runtime goes on") {
  if (kernel_promises_any_memory()) {
    MESSAGE("vm.overcommit_memory is 1: no stack is too large for a thread here");
    return;
  }
  Checked house(Builder().thread_stack_size(kQuarterOfEverything));
  int destroyed = 0;
  bool ran = false;
  const auto make = [&] { return [&ran, f = Farewell([&] { ++destroyed; })] { ran = true; }; };
  CHECK(os_error_of([&] { house.rt.spawn_blocking(make()); }) != 0);
  CHECK(destroyed == 1);
  house.rt.block_on([&] {
    CHECK(os_error_of([&] { runtime::spawn_blocking(make()); }) != 0);
    CHECK(os_error_of([&] { runtime::offload([&] { ran = true; }); }) != 0);
    auto task = runtime::spawn_local([&] { return os_error_of([&] { runtime::offload([&] { ran = true; }); }); });
    CHECK(task.join() != 0);
    CHECK(runtime::spawn_local([] { return 3; }).join() == 3);
    try {
      runtime::offload([] {});
    } catch (const std::system_error& error) {
      CHECK(std::string(error.what()).find("offload") != std::string::npos);
    }
  });
  CHECK(destroyed == 2);
  CHECK_FALSE(ran);
  const auto metrics = house.rt.metrics();
  CHECK(metrics.num_blocking_threads() == 0);
  CHECK(metrics.blocking_queue_depth() == 0);
}

TEST_CASE("a thread that cannot be created to watch for stalls: the builder says so, and nothing is left") {
  if (kernel_promises_any_memory()) {
    MESSAGE("vm.overcommit_memory is 1: no stack is too large for a thread here");
    return;
  }
  const Limits limits;
  pthread_attr_t before, giant;
  REQUIRE(::pthread_getattr_default_np(&before) == 0);
  REQUIRE(::pthread_attr_init(&giant) == 0);
  REQUIRE(::pthread_attr_setstacksize(&giant, kQuarterOfEverything) == 0);
  REQUIRE(::pthread_setattr_default_np(&giant) == 0);
  Builder builder;
  builder.stall_threshold(1s);
  CHECK(os_error_of([&] { builder.build_local(); }) != 0);
  REQUIRE(::pthread_setattr_default_np(&before) == 0);
  CHECK(builder.build_local().block_on([] { return 3; }) == 3);
  ::pthread_attr_destroy(&giant);
  ::pthread_attr_destroy(&before);
}

TEST_CASE("a full descriptor table: a pool of runtimes says so, and leaves neither thread nor descriptor") {
  if (skip_under_sanitizers(kNoFullTable)) return;
  const Limits limits;
  for (const int more : {0, 4, 9, 15}) {
    int refused = 0;
    {
      const DescriptorLimit limit(more);
      refused = os_error_of([] { runtime::LocalPool pool(8); });
    }
    CHECK(refused == EMFILE);
  }
  CHECK(runtime::LocalPool(8).spawn_pinned([] { return 1; }).join() == 1);
}
