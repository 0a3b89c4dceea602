#include "base/sanitizer.hpp"

#include <dlfcn.h>

namespace runtime::inline v1::base {
namespace {

template <class Function>
void look_up(Function*& function, const char* name) noexcept {
  function = reinterpret_cast<Function*>(::dlsym(RTLD_DEFAULT, name));
}

Sanitizer find() noexcept {
  Sanitizer found{};
  look_up(found.start_switch_fiber, "__sanitizer_start_switch_fiber");
  look_up(found.finish_switch_fiber, "__sanitizer_finish_switch_fiber");
  look_up(found.unpoison, "__asan_unpoison_memory_region");
  look_up(found.tsan_create_fiber, "__tsan_create_fiber");
  look_up(found.tsan_destroy_fiber, "__tsan_destroy_fiber");
  look_up(found.tsan_switch_to_fiber, "__tsan_switch_to_fiber");
  look_up(found.tsan_current_fiber, "__tsan_get_current_fiber");
  look_up(found.tsan_acquire, "__tsan_acquire");
  look_up(found.tsan_release, "__tsan_release");
  found.any = found.start_switch_fiber != nullptr || found.tsan_create_fiber != nullptr;
  if (found.any) switches_are_told.store(true, std::memory_order_relaxed);
  return found;
}

}  // namespace

constinit std::atomic<bool> switches_are_told = false;
const Sanitizer sanitizer = find();

}  // namespace runtime::inline v1::base
