// Memory that runs out: each allocation of a piece of work fails once, whichever it is. The failure is a std::bad_alloc
// at the caller, nothing is lost by it, and the work succeeds afterwards.

#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>

#include "support.hpp"

namespace {

// How many allocations of this thread still succeed; negative: all.
thread_local long allowed = -1;
std::atomic<long> blocks{0};

void* allocate(std::size_t size, std::size_t align) noexcept {
  if (allowed == 0) return nullptr;
  if (allowed > 0) --allowed;
  const std::size_t rounded = (size + align - 1) / align * align;
  void* memory = std::aligned_alloc(align, rounded != 0 ? rounded : align);
  if (memory != nullptr) ++blocks;
  return memory;
}

void* allocate_or_throw(std::size_t size, std::size_t align) {
  void* memory = allocate(size, align);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void release(void* memory) noexcept {
  if (memory != nullptr) --blocks;
  std::free(memory);
}

constexpr std::size_t kUsual = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

// The whole program's, the shared library's included.
void* operator new(std::size_t size) { return allocate_or_throw(size, kUsual); }
void* operator new[](std::size_t size) { return allocate_or_throw(size, kUsual); }
void* operator new(std::size_t size, std::align_val_t align) { return allocate_or_throw(size, std::size_t(align)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, kUsual); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, kUsual); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }

using namespace api_test;

namespace {

/// Does the work with room for 0, 1, 2, … allocations until it succeeds; the number of failures.
template <class Work>
int fail_each_allocation(Work work) {
  for (int room = 0; room < 200; ++room) {
    allowed = room;
    try {
      work();
      allowed = -1;
      return room;
    } catch (const std::bad_alloc&) {
      allowed = -1;
    } catch (...) {
      allowed = -1;
      throw;
    }
  }
  return -1;
}

}  // namespace

TEST_CASE("building, using and destroying a runtime: nothing is lost, whichever allocation fails") {
  const Limits limits;
  const auto work = [] {
    int value = 0;
    LocalRuntime rt = Builder().name("a name that is too long to be kept inside a string").build_local();
    rt.block_on([&] {
      value = runtime::spawn_local([] { return 1; }).join();
      runtime::spawn([] { runtime::sleep_for(1us); }).join();
      runtime::TaskBuilder().name("named").stack_size(65536).spawn_local([] { runtime::yield_now(); }).join();
    });
    if (value != 1) std::abort();
  };
  work();  // what the process allocates once, and keeps
  const long before = blocks;
  const int failures = fail_each_allocation(work);
  CHECK(failures > 3);
  CHECK(blocks == before);
}

TEST_CASE("each way to spawn fails as a whole: no task, no closure, no memory stays") {
  Checked house;
  int destroyed = 0, made = 0;
  const auto check = [&](auto spawn) {
    house.rt.block_on([&] {
      spawn(Farewell([&] { ++destroyed; })).join();  // as large as the others: the pool keeps what it takes for them
      const long before = blocks;
      destroyed = made = 0;
      const int failures = fail_each_allocation([&] {
        ++made;
        spawn(Farewell([&] { ++destroyed; })).join();
      });
      CHECK(failures >= 0);
      CHECK(destroyed == made);
      CHECK(blocks == before);
      CHECK(house.rt.metrics().num_alive_tasks() == 0);
    });
  };
  struct Large {
    unsigned char bytes[100'000] = {};
  };
  check([](auto f) { return runtime::spawn_local([f = std::move(f)] {}); });
  check([](auto f) { return runtime::spawn([f = std::move(f)] {}); });
  check([](auto f) { return Handle::current().spawn([f = std::move(f)] {}); });
  check([](auto f) { return runtime::spawn_local([f = std::move(f), large = Large()] { static_cast<void>(large); }); });
  check([](auto f) { return runtime::TaskBuilder().name("n").spawn_local([f = std::move(f)] {}); });
}

TEST_CASE("a task whose stack finds no memory to be managed with ends with bad_alloc, and the others go on") {
  Checked house;
  house.rt.block_on([&] {
    runtime::spawn_local([] {}).join();  // a stack of the usual size is there from now on
    for (int room = 0; room < 8; ++room) {
      const std::size_t size = 65536 + static_cast<std::size_t>(room) * 4096;  // a pool of its own each time
      auto task = runtime::TaskBuilder().stack_size(size).spawn_local([] {
        allowed = -1;
        return 1;
      });
      auto other = runtime::spawn_local([] { return 2; });
      allowed = room;
      task.wait();
      allowed = -1;
      bool out_of_memory = false;
      try {
        if (task.join() != 1) FAIL_CHECK("another result");
      } catch (const std::bad_alloc&) {
        out_of_memory = true;
      }
      if (room == 0) CHECK(out_of_memory);
      CHECK(other.join() == 2);
    }
  });
}

TEST_CASE("scope, select, sets, trackers and tokens fail as a whole: no task, no closure, no memory stays") {
  Checked house;
  int destroyed = 0, made = 0;
  const auto capture = [&] { return Farewell([&, once = (++made, 0)] { destroyed += once + 1; }); };
  const auto check = [&](auto work) {
    house.rt.block_on([&] {
      work();
      const long before = blocks;
      destroyed = made = 0;
      const int failures = fail_each_allocation(work);
      CHECK(failures >= 0);
      settle();
      CHECK(destroyed == made);
      CHECK(blocks == before);
      CHECK(house.rt.metrics().num_alive_tasks() == 0);
    });
  };
  struct Large {
    unsigned char bytes[5'000] = {};
  };
  check([&] {
    runtime::scope([&](runtime::Scope& s) {
      for (int i = 0; i < 3; ++i) {
        s.spawn([f = capture(), large = Large()] {
          static_cast<void>(large);
          runtime::yield_now();
        });
      }
    });
  });
  check([&] {
    std::get<0>(runtime::join_all_of([&, f = capture()] { return 1; }, [&, f = capture()] {}));
  });
  check([&] {
    runtime::select([&, f = capture()] { wait_for_ever(); }, [&, f = capture()] { runtime::yield_now(); }).get<1>();
  });
  check([&] {
    runtime::TaskBuilder()
        .name("selecting, with a name that has to be copied")
        .spawn_local([&, f = capture()] {
          return runtime::select([] { return 1; }, [] { return 2; }).index();
        })
        .join();
  });
  check([&] {
    runtime::JoinSet<int> set;
    set.spawn_local([f = capture()] { return 1; });
    set.spawn([f = capture()] { return 2; });
    if (set.join_all().size() != 2) std::abort();
  });
  check([&] {
    runtime::TaskTracker tracker;
    tracker.spawn_local([f = capture()] {});
    tracker.close();
    tracker.wait();
  });
  check([&] {
    const runtime::CancellationToken token;
    const auto child = token.child_token().child_token();
    token.cancel();
    if (!child.is_cancelled()) std::abort();
  });
  check([&] {
    static runtime::FiberLocal<std::unique_ptr<int>> local;
    runtime::spawn_local([&, f = capture()] { *local = std::make_unique<int>(3); }).join();
  });
}

TEST_CASE("waiting, joining and aborting need no memory") {
  Checked house;
  house.rt.block_on([&] {
    auto warm = runtime::spawn_local([] { runtime::sleep_for(1us); });
    warm.join();
    runtime::offload([] {});
    std::array<JoinHandle<void>, 3> tasks{runtime::spawn_local([] { wait_for_ever(); }),
                                          runtime::spawn_local([] { runtime::sleep_for(10us); }),
                                          runtime::spawn_local([] { runtime::offload([] {}); })};
    settle();
    const runtime::CancellationToken token;
    runtime::TaskTracker tracker;
    tracker.close();
    allowed = 0;
    runtime::sleep_for(10us);
    runtime::yield_now();
    static_cast<void>(tasks[1].join_for(5s));
    const auto abort = tasks[0].abort_handle();
    abort.abort();
    tasks[0].wait();
    tasks[2].join();
    runtime::timeout(1h, [] { runtime::shield([] { runtime::sleep_for(20us); }); });
    static_cast<void>(token.run_until_cancelled([] { runtime::yield_now(); }));
    tracker.wait();
    token.cancel();
    token.wait();
    static_cast<void>(house.rt.metrics());
    const Handle copy = house.rt.handle();
    allowed = -1;
    CHECK_THROWS_AS(tasks[0].join(), JoinError);
  });
}

TEST_CASE("a wait for a descriptor that finds no memory looks again, and ends when the socket goes") {
  LocalRuntime rt;
  rt.block_on([] {
    runtime::spawn_local([] { runtime::sleep_for(1ms); }).join();  // what is allocated once: stacks, room for timers
    auto pair = runtime::net::UnixStream::pair();
    std::optional<runtime::net::UnixStream> socket(std::move(pair.first));
    bool has_begun = false, has_ended = false;
    auto reader = runtime::spawn_local([&] {
      char byte;
      has_begun = true;
      try {
        socket->read(&byte, 1);
      } catch (const std::exception&) {  // EBADF, or no memory to say so
        has_ended = true;
      }
    });
    const auto let_it_look = [&has_ended] {
      for (int looks = 0; looks < 50 && !has_ended; ++looks) runtime::sleep_for(1ms);
    };
    allowed = 0;  // this runtime has watched nothing so far
    let_it_look();
    CHECK((has_begun && !has_ended));
    socket.reset();
    let_it_look();
    const bool ended_without_memory = has_ended;
    allowed = -1;
    CHECK(ended_without_memory);
    reader.join();
  });
}

TEST_CASE("a message that finds no memory leaves the channel as it was, and its place free") {
  constexpr int kMessages = 700;  // several blocks of them
  const long before = blocks;
  {
    auto [sender, receiver] = runtime::sync::mpsc::unbounded_channel<int>();
    auto [bounded_sender, bounded_receiver] = runtime::sync::mpsc::channel<int>(kMessages);
    auto [text_sender, text_receiver] = runtime::sync::mpsc::channel<std::string>(3);  // each in memory of its own
    int failures = 0;
    for (int i = 0; i < kMessages; ++i) {
      failures += fail_each_allocation([&, &to = sender] { to.send(i); });
      failures += fail_each_allocation([&, &to = bounded_sender] { static_cast<void>(to.try_send(i)); });
    }
    CHECK(failures >= 4);
    CHECK(receiver.len() == kMessages);
    CHECK(bounded_sender.capacity() == 0);
    CHECK(fail_each_allocation([&to = text_sender] { static_cast<void>(to.try_send(std::string("short"))); }) == 1);
    CHECK(text_sender.capacity() == 2);
    for (int i = 0; i < kMessages; ++i) {
      REQUIRE(receiver.try_recv() == i);
      REQUIRE(bounded_receiver.try_recv() == i);
    }
    CHECK_FALSE(receiver.try_recv());
    CHECK(bounded_sender.capacity() == kMessages);
    CHECK(text_receiver.try_recv() == "short");
  }
  CHECK(blocks == before);
}

TEST_CASE("a dump fails as a whole, at whichever allocation, and so does its text") {
  Checked house;
  house.rt.block_on([] {
    auto task = runtime::TaskBuilder().name("a name that is too long to be kept inside a string").spawn_local(wait_for_ever);
    settle();
    const auto dump = Handle::current().dump();
    CHECK(dump.to_text().size() + dump.to_json().size() > 0);  // what the process allocates once, and keeps
    const long before = blocks;
    CHECK(fail_each_allocation([] { static_cast<void>(Handle::current().dump()); }) > 4);
    CHECK(blocks == before);
    int failures = 0;
    for (long room = 0; room >= 0; room += 1 + room / 8) {  // there are thousands: one for each symbol of each library
      allowed = room;
      try {
        static_cast<void>(dump.to_text());
        static_cast<void>(dump.to_json());
        room = -1000;
      } catch (const std::bad_alloc&) {
        ++failures;
      }
      allowed = -1;
    }
    CHECK(failures > 10);
    CHECK(blocks == before);
    task.abort();
  });
}

TEST_CASE("memory that the owner thread lacks for a dump is the asking thread's bad_alloc") {
  Checked house;
  house.rt.block_on([] {
    const Handle handle = Handle::current();
    int failures = 0;
    for (long room = 0;; ++room) {
      std::atomic<int> outcome{0};
      std::thread asking([&] {
        try {
          static_cast<void>(handle.dump());
          outcome = 1;
        } catch (const std::bad_alloc&) {
          outcome = 2;
        }
      });
      allowed = room;
      while (outcome == 0) runtime::yield_now();
      allowed = -1;
      asking.join();
      if (outcome == 1) break;
      REQUIRE(++failures < 100);
    }
    CHECK(failures > 0);
  });
}
