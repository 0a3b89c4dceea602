#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <runtime/companion.h>

#include "preload/call.hpp"
#include "preload/companion.hpp"
#include "preload/complete.hpp"
#include "preload/fork.hpp"
#include "preload/report.hpp"
#include "preload/visit.hpp"
#include "preload/waiting_room.hpp"

// What is done once, when the process starts: finding the functions behind our names, and asking whether anybody finds us.

// All the library's Calls: the linker names the two ends of their section.
extern "C" runtime::preload::Call __start_runtime_preload_calls[];
extern "C" runtime::preload::Call __stop_runtime_preload_calls[];

namespace runtime::preload {

constinit Process process;
constinit thread_local unsigned handlers_running = 0;
constinit thread_local volatile Selector selector = Selector::allow;

Calls all_calls() noexcept { return {__start_runtime_preload_calls, __stop_runtime_preload_calls}; }

namespace {

constinit Text our_own;

/// The function that a name would be without us: of the libraries behind us, or, for one that came too late, of those
/// before us, where the C library is then. Null when there is none.
void* find_next(const char* name) noexcept {
  if (void* next = ::dlsym(RTLD_NEXT, name)) return next;
  void* first = ::dlsym(RTLD_DEFAULT, name);
  return our_own.has(first) ? nullptr : first;
}

}  // namespace

void* Call::find() noexcept {
  void* function = find_next(name);
  if (function == nullptr) {
    char text[160];
    const int size = std::snprintf(text, sizeof text,
                                   "libruntime_preload: no library has %s(), which the program calls\n", name);
    static_cast<void>(!::write(STDERR_FILENO, text, static_cast<std::size_t>(size)));
    std::abort();
  }
  next.store(function, std::memory_order_relaxed);
  return function;
}

Text Text::around(const void* address) noexcept {
  struct Search {
    std::uintptr_t inside;
    Text found;
  } search{reinterpret_cast<std::uintptr_t>(address), {}};
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* data) {
        auto& [inside, found] = *static_cast<Search*>(data);
        for (unsigned i = 0; i < object->dlpi_phnum; ++i) {
          const ElfW(Phdr)& segment = object->dlpi_phdr[i];
          const std::uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
          if (segment.p_type != PT_LOAD || inside < begin || inside >= begin + segment.p_memsz) continue;
          found = {begin, begin + segment.p_memsz};
          return 1;
        }
        return 0;
      },
      &search);
  return search.found;
}

namespace {

/// Where the library that has a function was loaded; null when nothing is known.
const void* library_of(const void* address) noexcept {
  Dl_info library;
  return address != nullptr && ::dladdr(address, &library) != 0 ? library.dli_fbase : nullptr;
}

/// Nothing when malloc is the C library's, which locks nothing by name; or the program's own, whose code cannot be told
/// from the rest; or a sanitizer's, through which the program's locks come, too.
Text find_allocator() noexcept {
  const void* allocate = ::dlsym(RTLD_DEFAULT, "malloc");
  const void* library = library_of(allocate);
  const void* others[] = {library_of(::dlsym(RTLD_NEXT, "pthread_mutex_lock")),
                          library_of(::dlsym(RTLD_DEFAULT, "pthread_mutex_lock")),
                          library_of(reinterpret_cast<const void*>(::getauxval(AT_ENTRY)))};
  for (const void* other : others) {
    if (library == nullptr || library == other) return {};
  }
  return Text::around(allocate);
}

/// Where a jump at `stub` leads that goes through a slot: an entry of the procedure linkage table (psABI 5.2, with the two
/// prefixes that Intel CET asks for); null if it is something else.
const void* end_of_stub(const unsigned char* stub) noexcept {
  constexpr unsigned char kEndbr64[] = {0xF3, 0x0F, 0x1E, 0xFA};
  if (std::memcmp(stub, kEndbr64, sizeof kEndbr64) == 0) stub += sizeof kEndbr64;
  if (*stub == 0xF2) ++stub;
  if (stub[0] != 0xFF || stub[1] != 0x25) return nullptr;  // jmp *slot(%rip)
  std::int32_t distance;
  std::memcpy(&distance, stub + 2, sizeof distance);
  return *reinterpret_cast<void* const*>(stub + 6 + distance);
}

/// The function that an instruction of libruntime's ending at `address` calls through a slot which it names; null if it
/// is another one. src/meson.build sees to it that the compiler writes one of these.
const void* callee_of(const unsigned char* address) noexcept {
  std::int32_t distance;
  if (address[-6] == 0xFF && address[-5] == 0x15) {  // call *slot(%rip)
    std::memcpy(&distance, address - 4, sizeof distance);
    return *reinterpret_cast<void* const*>(address + distance);
  }
  // Not optimised: mov slot(%rip), %rax; call *%rax
  if (address[-9] == 0x48 && address[-8] == 0x8B && address[-7] == 0x05 && address[-2] == 0xFF && address[-1] == 0xD0) {
    std::memcpy(&distance, address - 6, sizeof distance);
    return *reinterpret_cast<void* const*>(address - 2 + distance);
  }
  if (address[-5] == 0xE8) {  // call stub
    std::memcpy(&distance, address - 4, sizeof distance);
    const unsigned char* const stub = address + distance;
    if (process.runtime.has(stub)) return end_of_stub(stub);
  }
  return nullptr;
}

// Names are found in the order in which libraries were loaded. Who comes after the C library is never asked.
void check_that_we_are_found() noexcept {
  for (const char* name : {"poll", "read", "close"}) {
    // Another library may stand before us, and call us in its turn, as those of sanitizers do. The C library does not.
    void* first = ::dlsym(RTLD_DEFAULT, name);
    if (our_own.has(first) || first != find_next(name)) continue;
    char text[400];
    const int size = std::snprintf(
        text, sizeof text,
        "libruntime_preload: loaded too late: %s() is the C library's own, so calls will block the thread. Start the "
        "program with runtime-run, or link the program itself (not a library of it) with `pkg-config --libs "
        "runtime-preload`\n",
        name);
    static_cast<void>(!::write(STDERR_FILENO, text, static_cast<std::size_t>(size)));
    return;
  }
}

}  // namespace

bool is_made_by_runtime(const void* caller) noexcept {
  return process.runtime.has(caller) && our_own.has(callee_of(static_cast<const unsigned char*>(caller)));
}

namespace {

[[gnu::constructor]] void start() noexcept {
  our_own = Text::around(reinterpret_cast<const void*>(&start));
  for (Call& call : all_calls()) {
    if (void* function = find_next(call.name)) call.next.store(function, std::memory_order_relaxed);
  }
  process.runtime = Text::around(reinterpret_cast<const void*>(&runtime_companion_here));
  process.allocator = find_allocator();
  check_that_we_are_found();
  ::pthread_atfork(&hold_room, &release_room, &in_forked_child);
  begin_report();
  begin_companionship();
  begin_complete_mode();
}

}  // namespace
}  // namespace runtime::preload
