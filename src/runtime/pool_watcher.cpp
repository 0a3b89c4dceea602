#include "runtime/pool_watcher.hpp"

#include <pthread.h>

#include <string>
#include <string_view>

#include "context/context.hpp"
#include "runtime/inner.hpp"

namespace runtime::inline v1::detail {
namespace {

// The kernel keeps 15 bytes and refuses longer names: pthread_setname_np(3).
void name_this_thread(void*, const char* text, std::size_t size) {
  ::pthread_setname_np(::pthread_self(), std::string(std::string_view(text, size).substr(0, 15)).c_str());
}

}  // namespace

void PoolWatcher::thread_is_made() noexcept { inner_.add_reference(); }

void PoolWatcher::thread_starts() noexcept {
  const context::Entry entry(inner_.context());
  const NameReceiver receiver{nullptr, &name_this_thread};
  inner_.scheduler().run_hook(hooks_.name, "thread_name_fn", &receiver);
  inner_.scheduler().run_hook(hooks_.on_start, "on_thread_start");
}

void PoolWatcher::thread_stops() noexcept {
  const context::Entry entry(inner_.context());
  inner_.scheduler().run_hook(hooks_.on_stop, "on_thread_stop");
}

void PoolWatcher::thread_is_gone() noexcept { inner_.drop_reference(); }

}  // namespace runtime::inline v1::detail
