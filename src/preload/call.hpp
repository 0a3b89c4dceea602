#pragma once

#include <atomic>
#include <cstdint>

namespace runtime::preload {

/// A name that the library stands in front of, and the function that it would have been without us.
///
/// All of them lie in one section of the library, so that start and report find them. Constant-initialised: malloc of the
/// program may be the first to call one, before any constructor has run.
struct Call {
  const char* name;
  std::atomic<void*> next = nullptr;          // of the libraries behind us; found at start, or at the first call
  std::atomic<std::uint64_t> on_fibers = 0;   // calls that became ours; counted only for a report
  std::atomic<std::uint64_t> parked = 0;      // of these, the ones during which another fiber ran

  /// Any thread, at any time; neither allocates nor locks (in glibc 2.36, for a name that exists).
  void* find() noexcept;
};

/// All names that the library stands in front of.
struct Calls {
  Call* first;
  Call* past_last;
  Call* begin() const noexcept { return first; }
  Call* end() const noexcept { return past_last; }
};
Calls all_calls() noexcept;

/// The next function of that name, with its type.
template <class Function>
class Next;

template <class Result, class... Parameters>
class Next<Result(Parameters...)> final {
 public:
  constexpr explicit Next(Call& call) noexcept : call_(call) {}

  // Relaxed: the function is not our data.
  Result operator()(Parameters... parameters) const {
    void* function = call_.next.load(std::memory_order_relaxed);
    if (__builtin_expect(function == nullptr, 0)) function = call_.find();
    return reinterpret_cast<Result (*)(Parameters...)>(function)(parameters...);
  }

 private:
  Call& call_;
};

}  // namespace runtime::preload

/// Declares what stands behind a name that is not called with its own type, as one that takes any number of arguments:
/// `call_NAME`.
#define RUNTIME_PRELOAD_CALL(name)                                                                                \
  namespace runtime::preload {                                                                                    \
  namespace {                                                                                                     \
  [[gnu::section("runtime_preload_calls"), gnu::used]] constinit Call call_##name{#name};                         \
  }                                                                                                               \
  }

/// Declares what stands behind a name: `call_NAME`, and `next_NAME` to call it.
#define RUNTIME_PRELOAD_NEXT(result, name, parameters)                                                            \
  RUNTIME_PRELOAD_CALL(name)                                                                                      \
  namespace runtime::preload {                                                                                    \
  namespace {                                                                                                     \
  [[maybe_unused]] constinit const Next<result parameters> next_##name{call_##name};                              \
  }                                                                                                               \
  }

/// Begins the definition of the function that stands in front of a name. Its C++ name is another, so that the headers
/// that declare the original (with attributes, inline forms and exception specifications of their own) can be included.
#define RUNTIME_PRELOAD_EXPORT(result, name, parameters)                                                          \
  extern "C" [[gnu::visibility("default")]] result runtime_preloaded_##name parameters __asm__(#name);            \
  result runtime_preloaded_##name parameters

/// A second name for a function of this file that is exported under `name`.
#define RUNTIME_PRELOAD_ALIAS(result, alias_name, name, parameters)                                               \
  extern "C" [[gnu::visibility("default"), gnu::alias(#name)]] result runtime_preloaded_##alias_name parameters    \
      __asm__(#alias_name);

/// The whole of a function that has a POSIX-style twin: that on a fiber, the original elsewhere. In `twin`, `fiber` points
/// to the fiber's words. For names whose RUNTIME_PRELOAD_NEXT stands above.
#define RUNTIME_PRELOAD_TWIN(result, name, parameters, arguments, twin)                                           \
  RUNTIME_PRELOAD_EXPORT(result, name, parameters) {                                                              \
    using namespace runtime::preload;                                                                             \
    if (runtime_companion_words* fiber = runtime_companion_here(); __builtin_expect(fiber != nullptr, 0)) {       \
      const Visit visit(*fiber, __builtin_return_address(0), call_##name);                                        \
      if (visit.is_ours()) return twin;                                                                           \
      return next_##name arguments;                                                                               \
    }                                                                                                             \
    return next_##name arguments;                                                                                 \
  }

/// Both.
#define RUNTIME_PRELOAD(result, name, parameters, arguments, twin)                                                \
  RUNTIME_PRELOAD_NEXT(result, name, parameters)                                                                  \
  RUNTIME_PRELOAD_TWIN(result, name, parameters, arguments, twin)
