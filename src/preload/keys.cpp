#include <dlfcn.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "preload/kept.hpp"
#include "preload/visit.hpp"

// pthread keys whose values are each fiber's own: OpenSSL's error queue, and all keys of the libraries that the program
// names in RUNTIME_PRELOAD_KEEP_KEYS ("libldap:libfoo", the beginnings of their files' names). All others stay the
// thread's: a memory pool or a random generator per fiber costs more than it is good for.
//
// Which of libcrypto's keys holds the error queue is not said anywhere; it is the one that ERR_peek_error() reads. That
// is asked when a fiber reads one of them for the first time: so no fiber ever uses the thread's.

RUNTIME_PRELOAD_NEXT(int, pthread_key_create, (pthread_key_t*, void (*)(void*)))
RUNTIME_PRELOAD_NEXT(int, pthread_key_delete, (pthread_key_t))
RUNTIME_PRELOAD_NEXT(void*, pthread_getspecific, (pthread_key_t))
RUNTIME_PRELOAD_NEXT(int, pthread_setspecific, (pthread_key_t, const void*))

namespace runtime::preload {

namespace {

enum class Keeping : std::uint8_t { no, suspected, yes };

struct Key {
  std::atomic<Keeping> keeping = Keeping::no;
  std::atomic<void (*)(void*)> destructor = nullptr;
  void (*clear)() = nullptr;      // ERR_clear_error: a value of this key can be used by another fiber after it
  const void* library = nullptr;  // where its creator was loaded
  std::uint32_t generation = 0;   // of the key's number: values of a deleted key are no values of the next one
};

constexpr std::size_t kKeys = 1024;  // PTHREAD_KEYS_MAX of glibc
constinit std::array<Key, kKeys> keys;

/// Values of ended fibers that others can have: an error queue is costly to make, and there is no call to destroy one.
/// Owned; never destroyed, like the keys.
struct Spares {
  static constexpr std::size_t kMost = 4096;
  std::atomic_flag lock = ATOMIC_FLAG_INIT;
  std::size_t count = 0;
  Kept::Value values[kMost] = {};
};
constinit Spares spares;

/// A lock of a few instructions: no pthread mutex, which is among our own names.
class SparesLock final {
 public:
  SparesLock() noexcept {
    while (spares.lock.test_and_set(std::memory_order_acquire)) __builtin_ia32_pause();
  }
  SparesLock(const SparesLock&) = delete;
  SparesLock& operator=(const SparesLock&) = delete;
  ~SparesLock() { spares.lock.clear(std::memory_order_release); }
};

void* take_spare(pthread_key_t key) noexcept {
  const SparesLock lock;
  for (std::size_t i = spares.count; i-- > 0;) {
    if (spares.values[i].key != key || spares.values[i].generation != keys[key].generation) continue;
    void* value = spares.values[i].value;
    spares.values[i] = spares.values[--spares.count];
    return value;
  }
  return nullptr;
}

void put_spare(Kept::Value value) noexcept {
  const SparesLock lock;
  if (spares.count < Spares::kMost) spares.values[spares.count++] = value;  // else lost, as for a thread that ends
}

std::string_view file_name_of(const void* code) noexcept {
  Dl_info info;
  if (::dladdr(code, &info) == 0 || info.dli_fname == nullptr) return {};
  const char* slash = std::strrchr(info.dli_fname, '/');
  return slash != nullptr ? slash + 1 : info.dli_fname;
}

Keeping keeping_for(const void* creator) noexcept {
  const std::string_view file = file_name_of(creator);
  if (file.starts_with("libcrypto.so")) return Keeping::suspected;
  const char* list = ::secure_getenv("RUNTIME_PRELOAD_KEEP_KEYS");
  std::string_view rest = list != nullptr ? list : "";
  while (!rest.empty()) {
    const std::size_t end = rest.find(':');
    const std::string_view name = rest.substr(0, end);
    if (!name.empty() && file.starts_with(name)) return Keeping::yes;
    rest = end == rest.npos ? "" : rest.substr(end + 1);
  }
  return Keeping::no;
}

Keeping keeping_of(pthread_key_t key) noexcept {
  return key < kKeys ? keys[key].keeping.load(std::memory_order_relaxed) : Keeping::no;
}

/// The last key that libcrypto read on this thread, while somebody wants to know.
constinit thread_local bool is_listening [[gnu::tls_model("initial-exec")]] = false;
constinit thread_local pthread_key_t heard [[gnu::tls_model("initial-exec")]] = kKeys;

Kept::Value* find_value(Kept& kept, pthread_key_t key) noexcept {
  for (std::size_t i = 0; i < kept.value_count; ++i) {
    if (kept.values[i].key != key) continue;
    if (kept.values[i].generation != keys[key].generation) kept.values[i] = {key, keys[key].generation, nullptr};
    return &kept.values[i];
  }
  return nullptr;
}

/// The fiber's value of a key; the first time that of an ended fiber, or null. Without memory or room it is the thread's.
void* get_on_fiber(FiberWords& fiber, pthread_key_t key) noexcept {
  Kept* kept = kept_of(fiber);
  if (kept == nullptr) return next_pthread_getspecific(key);
  if (const Kept::Value* value = find_value(*kept, key)) return value->value;
  if (kept->value_count == Kept::kMostKeys) return next_pthread_getspecific(key);
  void* spare = keys[key].clear != nullptr ? take_spare(key) : nullptr;
  kept->values[kept->value_count++] = {key, keys[key].generation, spare};
  return spare;
}

int set_on_fiber(FiberWords& fiber, pthread_key_t key, const void* value) noexcept {
  Kept* kept = kept_of(fiber);
  Kept::Value* place = kept != nullptr ? find_value(*kept, key) : nullptr;
  if (place == nullptr && kept != nullptr && kept->value_count < Kept::kMostKeys) {
    place = &kept->values[kept->value_count++];
    *place = {key, keys[key].generation, nullptr};
  }
  if (place == nullptr) return next_pthread_setspecific(key, value);
  place->value = const_cast<void*>(value);
  return 0;
}

/// Asks libcrypto, in which `caller` lies, for its error queue, and listens which key it reads. Its other keys are cleared
/// of suspicion; one that it makes later brings us here once more.
void find_error_queue(const void* caller) noexcept {
  Dl_info library;
  if (::dladdr(caller, &library) == 0) return;
  void* const handle = ::dlopen(library.dli_fname, RTLD_LAZY | RTLD_NOLOAD);  // it may not be there for all to see
  if (handle == nullptr) return;
  auto* const peek = reinterpret_cast<unsigned long (*)()>(::dlsym(handle, "ERR_peek_error"));
  auto* const clear = reinterpret_cast<void (*)()>(::dlsym(handle, "ERR_clear_error"));
  ::dlclose(handle);
  heard = kKeys;
  if (peek != nullptr && clear != nullptr) {
    is_listening = true;
    peek();  // makes a queue for this thread or fiber, if it has none, and reads other keys for that
    heard = kKeys;
    peek();  // reads one
    is_listening = false;
  }
  if (heard < kKeys) {
    keys[heard].clear = clear;
    keys[heard].keeping.store(Keeping::yes, std::memory_order_relaxed);
  }
  for (Key& key : keys) {
    if (key.library != library.dli_fbase) continue;
    Keeping suspected = Keeping::suspected;
    key.keeping.compare_exchange_strong(suspected, Keeping::no, std::memory_order_relaxed);
  }
}

}  // namespace

void end_values(Kept& kept) noexcept {
  for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS; ++round) {
    bool found = false;
    for (std::size_t i = 0; i < kept.value_count; ++i) {
      Kept::Value& value = kept.values[i];
      const Key& key = keys[value.key];
      if (value.value == nullptr || key.clear != nullptr || value.generation != key.generation) continue;
      const auto destroy = key.destructor.load(std::memory_order_relaxed);
      if (destroy == nullptr) continue;
      void* old = value.value;
      value.value = nullptr;
      destroy(old);
      found = true;
    }
    if (!found) break;
  }
  for (std::size_t i = 0; i < kept.value_count; ++i) {
    Kept::Value& value = kept.values[i];
    const Key& key = keys[value.key];
    if (value.value == nullptr || key.clear == nullptr || value.generation != key.generation) continue;
    keys[value.key].clear();  // which asks for the value
    put_spare(value);
  }
  kept.value_count = 0;
}

}  // namespace runtime::preload

RUNTIME_PRELOAD_EXPORT(int, pthread_key_create, (pthread_key_t * key, void (*destructor)(void*))) {
  using namespace runtime::preload;
  const int error = next_pthread_key_create(key, destructor);
  if (error != 0 || *key >= kKeys) return error;
  const Keeping keeping = keeping_for(__builtin_return_address(0));
  keys[*key].destructor.store(destructor, std::memory_order_relaxed);
  keys[*key].clear = nullptr;
  Dl_info library;
  keys[*key].library =
      keeping != Keeping::no && ::dladdr(__builtin_return_address(0), &library) != 0 ? library.dli_fbase : nullptr;
  ++keys[*key].generation;
  keys[*key].keeping.store(keeping, std::memory_order_relaxed);
  return 0;
}

RUNTIME_PRELOAD_EXPORT(int, pthread_key_delete, (pthread_key_t key)) {
  using namespace runtime::preload;
  if (key < kKeys) keys[key].keeping.store(Keeping::no, std::memory_order_relaxed);
  return next_pthread_key_delete(key);
}

RUNTIME_PRELOAD_EXPORT(void*, pthread_getspecific, (pthread_key_t key)) {
  using namespace runtime::preload;
  if (__builtin_expect(keeping_of(key) == Keeping::no, 1)) return next_pthread_getspecific(key);
  runtime_companion_words* fiber = runtime_companion_here();
  if (fiber == nullptr || handlers_running != 0) return next_pthread_getspecific(key);
  if (is_listening) heard = key;
  else if (keeping_of(key) == Keeping::suspected) find_error_queue(__builtin_return_address(0));
  return keeping_of(key) == Keeping::yes ? get_on_fiber(FiberWords::of(*fiber), key) : next_pthread_getspecific(key);
}

RUNTIME_PRELOAD_EXPORT(int, pthread_setspecific, (pthread_key_t key, const void* value)) {
  using namespace runtime::preload;
  if (__builtin_expect(keeping_of(key) != Keeping::yes, 1)) return next_pthread_setspecific(key, value);
  runtime_companion_words* fiber = runtime_companion_here();
  return fiber != nullptr ? set_on_fiber(FiberWords::of(*fiber), key, value) : next_pthread_setspecific(key, value);
}

RUNTIME_PRELOAD_ALIAS(int, __pthread_key_create, pthread_key_create, (pthread_key_t*, void (*)(void*)))
RUNTIME_PRELOAD_ALIAS(void*, __pthread_getspecific, pthread_getspecific, (pthread_key_t))
RUNTIME_PRELOAD_ALIAS(int, __pthread_setspecific, pthread_setspecific, (pthread_key_t, const void*))
