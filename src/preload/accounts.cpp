#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/types.h>

#include <cerrno>
#include <new>

#include <runtime/task_local.hpp>

#include "preload/answer.hpp"
#include "preload/on_pool.hpp"
#include "preload/visit.hpp"

// Users, groups and services: files on one machine, a server on the next, as /etc/nsswitch.conf says. On the pool,
// where a module that asks a server has no fiber under it and may hold what locks it likes.

namespace runtime::preload {
namespace {

FiberLocal<Answer<passwd>> answer_getpwnam, answer_getpwuid;
FiberLocal<Answer<group>> answer_getgrnam, answer_getgrgid;
FiberLocal<Answer<servent>> answer_getservbyname, answer_getservbyport;

/// ask(entry, text, size, found), on the pool, into the fiber's own memory.
template <class Entry, class Ask>
Entry* find_entry(FiberLocal<Answer<Entry>>& answer, Ask ask) noexcept {
  Entry* found = nullptr;
  try {
    const int result = answer->fill([&](Entry* entry, char* text, std::size_t size) {
      return on_pool([&] { return ask(entry, text, size, &found); });
    });
    if (result != 0) errno = result;
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
  }
  return found;
}

}  // namespace
}  // namespace runtime::preload

// NAME_r(), which offloads, and NAME(), which is made of it. `key` and `arguments`: what is looked for.
#define LOOK_UP(entry_type, name, parameters, arguments)                                                               \
  RUNTIME_PRELOAD_NEXT(int, name##_r, (UNWRAP parameters, entry_type*, char*, size_t, entry_type**))                   \
  RUNTIME_PRELOAD(entry_type*, name, parameters, arguments,                                                            \
                  find_entry(answer_##name, [=](entry_type* entry, char* text, std::size_t size, entry_type** found) { \
                    return next_##name##_r(UNWRAP arguments, entry, text, size, found);                                \
                  }))                                                                                                  \
  RUNTIME_PRELOAD_EXPORT(int, name##_r,                                                                                \
                         (UNWRAP parameters, entry_type * entry, char* text, size_t size, entry_type** found)) {       \
    using namespace runtime::preload;                                                                                  \
    const auto next = [=] { return next_##name##_r(UNWRAP arguments, entry, text, size, found); };                     \
    runtime_companion_words* fiber = runtime_companion_here();                                                         \
    if (__builtin_expect(fiber == nullptr, 1)) return next();                                                          \
    const Visit visit(*fiber, __builtin_return_address(0), call_##name##_r);                                           \
    return visit.is_ours() ? on_pool(next) : next();                                                                   \
  }
#define UNWRAP(...) __VA_ARGS__

LOOK_UP(passwd, getpwnam, (const char* name), (name))
LOOK_UP(passwd, getpwuid, (uid_t id), (id))
LOOK_UP(group, getgrnam, (const char* name), (name))
LOOK_UP(group, getgrgid, (gid_t id), (id))
LOOK_UP(servent, getservbyname, (const char* name, const char* protocol), (name, protocol))
LOOK_UP(servent, getservbyport, (int port, const char* protocol), (port, protocol))

RUNTIME_PRELOAD(int, getgrouplist, (const char* user, gid_t group, gid_t* groups, int* count),
                (user, group, groups, count), on_pool([=] { return next_getgrouplist(user, group, groups, count); }))

// (The C library tells all threads to change their groups, whichever of them it was.)
RUNTIME_PRELOAD(int, initgroups, (const char* user, gid_t group), (user, group),
                on_pool([=] { return next_initgroups(user, group); }))
