#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <runtime/export.hpp>
#include <runtime/task_meta.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

/// Where a hook of the user's is called from.
enum class HookPlace : std::uint32_t {
  thread_start = 0,
  thread_stop = 1,
  thread_park = 2,
  thread_unpark = 3,
  task_spawn = 4,
  before_task_poll = 5,
  after_task_poll = 6,
  task_terminate = 7,
  thread_name = 8,
};

/// A function of the user's, as it crosses into the library. `argument` is null for threads, a RawTaskMeta for tasks, a
/// NameReceiver for names. A null context: the function was empty.
struct RawHook {
  void (*call)(void* context, const void* argument);  // may throw
  void* context;
  void (*destroy)(void* context) noexcept;
};

struct NameReceiver {
  void* context;
  void (*receive)(void* context, const char* text, std::size_t size);
};

/// From std::function to RawHook: the function goes to the heap, the library's from then on.
struct HookAccess {
  template <class F>
  static RawHook make(F f, void (*call)(void*, const void*)) {
    if (!f) return RawHook{call, nullptr, &destroy<F>};
    return RawHook{call, std::make_unique<F>(std::move(f)).release(), &destroy<F>};
  }
  template <class F>
  static void destroy(void* context) noexcept {
    delete static_cast<F*>(context);
  }

  using OfThread = std::function<void()>;
  using OfTask = std::function<void(const TaskMeta&)>;
  using OfName = std::function<std::string()>;

  static void call_of_thread(void* context, const void*) { (*static_cast<OfThread*>(context))(); }
  static void call_of_task(void* context, const void* argument) {
    (*static_cast<OfTask*>(context))(TaskMeta(*static_cast<const RawTaskMeta*>(argument)));
  }
  static void call_of_name(void* context, const void* argument) {
    const std::string name = (*static_cast<OfName*>(context))();
    const auto* receiver = static_cast<const NameReceiver*>(argument);
    receiver->receive(receiver->context, name.data(), name.size());
  }
};

}  // namespace detail
}  // namespace v1
}  // namespace runtime
