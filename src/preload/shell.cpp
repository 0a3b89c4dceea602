#include "preload/shell.hpp"

#include <paths.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "preload/on_pool.hpp"

namespace runtime::preload {
namespace {

struct Free {
  void operator()(void* memory) const noexcept { std::free(memory); }
};
using Environment = std::unique_ptr<char*[], Free>;

/// The array alone: another fiber may change it with setenv() while the pool thread reads it. The C library never frees
/// a text of it. Null without memory.
Environment copy_environment() noexcept {
  std::size_t count = 0;
  while (environ != nullptr && environ[count] != nullptr) ++count;
  Environment copy(static_cast<char**>(std::calloc(count + 1, sizeof(char*))));
  if (copy && count != 0) std::memcpy(copy.get(), environ, count * sizeof(char*));
  return copy;
}

}  // namespace

int start_shell(pid_t* child, const char* command, const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes) noexcept {
  const Environment environment = copy_environment();
  if (!environment) return ENOMEM;
  return on_pool([&] {
    const char* const arguments[] = {"sh", "-c", command, nullptr};
    return ::posix_spawn(child, _PATH_BSHELL, actions, attributes, const_cast<char* const*>(arguments),
                         environment.get());
  });
}

}  // namespace runtime::preload
