#include "net/name_lookup.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

#include "io/offload.hpp"
#include "io/wait.hpp"

namespace runtime::inline v1::net {
namespace {

// The flags that a null pointer for hints stands for in glibc.
constexpr int kDefaultFlags = AI_V4MAPPED | AI_ADDRCONFIG;

bool is_number(const char* service) noexcept {
  return service == nullptr || (*service != '\0' && service[std::strspn(service, "0123456789")] == '\0');
}

/// Numeric hosts and none at all need neither files nor servers. False: it must be looked up.
bool resolve_number(const char* node, const char* service, const addrinfo* hints, addrinfo** result,
                    int& code) noexcept {
  const int flags = hints != nullptr ? hints->ai_flags : kDefaultFlags;
  if (!is_number(service) || (flags & AI_IDN) != 0) return false;
  addrinfo numeric{};
  if (hints != nullptr) numeric = *hints;
  numeric.ai_flags = flags;
  if (node != nullptr) numeric.ai_flags |= AI_NUMERICHOST;
  code = ::getaddrinfo(node, service, &numeric, result);
  return code != EAI_NONAME || node == nullptr || (flags & AI_NUMERICHOST) != 0;
}

/// A lookup that may outlive its caller, and therefore borrows nothing.
///
/// Owns: copies of the arguments, and the answer until take().
class Lookup final : public io::DetachedJob {
 public:
  /// Null: no memory.
  static Lookup* make(const char* node, const char* service, const addrinfo* hints) noexcept {
    std::unique_ptr<Lookup> lookup(new (std::nothrow) Lookup);
    const bool has_memory = lookup != nullptr && copy(node, lookup->node_) && copy(service, lookup->service_);
    if (!has_memory) return nullptr;
    lookup->has_hints_ = hints != nullptr;
    if (hints != nullptr) {
      lookup->hints_.ai_flags = hints->ai_flags;
      lookup->hints_.ai_family = hints->ai_family;
      lookup->hints_.ai_socktype = hints->ai_socktype;
      lookup->hints_.ai_protocol = hints->ai_protocol;
    }
    return lookup.release();
  }

  void run() noexcept override {
    code_ = ::getaddrinfo(node_.get(), service_.get(), has_hints_ ? &hints_ : nullptr, &answer_);
    errno_ = errno;
  }
  void release() noexcept override { delete this; }

  int take(addrinfo** result) noexcept {
    if (code_ == 0) {
      *result = answer_;
      answer_ = nullptr;
    }
    if (code_ == EAI_SYSTEM) errno = errno_;
    return code_;
  }

 private:
  Lookup() = default;
  ~Lookup() {
    if (answer_ != nullptr) ::freeaddrinfo(answer_);
  }
  friend std::default_delete<Lookup>;

  static bool copy(const char* text, std::unique_ptr<char[]>& into) noexcept {
    if (text == nullptr) return true;
    const std::size_t size = std::strlen(text) + 1;
    into.reset(new (std::nothrow) char[size]);
    if (into != nullptr) std::memcpy(into.get(), text, size);
    return into != nullptr;
  }

  std::unique_ptr<char[]> node_;
  std::unique_ptr<char[]> service_;
  addrinfo hints_{};
  bool has_hints_ = false;
  addrinfo* answer_ = nullptr;
  int code_ = EAI_SYSTEM;
  int errno_ = 0;
};

/// code as getaddrinfo(), errno with EAI_SYSTEM.
int look_up(const char* node, const char* service, const addrinfo* hints, addrinfo** result) noexcept {
  Lookup* lookup = Lookup::make(node, service, hints);
  if (lookup == nullptr) return EAI_MEMORY;
  if (const int refused = io::offload_detachable(*lookup); refused != 0) {
    errno = refused;
    return EAI_SYSTEM;
  }
  const int code = lookup->take(result);
  lookup->release();
  return code;
}

}  // namespace

int look_up_name(const char* node, const char* service, const addrinfo* hints, addrinfo** result) noexcept {
  if (!io::on_fiber()) return ::getaddrinfo(node, service, hints, result);
  int code;
  if (resolve_number(node, service, hints, result, code)) return code;
  return look_up(node, service, hints, result);
}

}  // namespace runtime::inline v1::net
