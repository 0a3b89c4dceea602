#include <netdb.h>

#include <runtime/posix.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

#include "io/offload.hpp"
#include "io/wait.hpp"

namespace runtime::inline v1::posix {
namespace {

/// A lookup that may outlive its caller, and therefore borrows nothing.
///
/// Owns: a copy of the address, and the answer.
class NameLookup final : public io::DetachedJob {
 public:
  /// Null: no memory.
  static NameLookup* make(const sockaddr* address, socklen_t address_size, socklen_t host_size, socklen_t service_size,
                          int flags) noexcept {
    std::unique_ptr<NameLookup> lookup(new (std::nothrow) NameLookup(host_size, service_size, flags));
    if (lookup == nullptr || lookup->host_ == nullptr || lookup->service_ == nullptr) return nullptr;
    // What is longer than any address the C library calls too long, or does not look at.
    lookup->address_size_ = std::min<socklen_t>(address_size, sizeof lookup->address_);
    std::memcpy(&lookup->address_, address, lookup->address_size_);
    return lookup.release();
  }

  void run() noexcept override {
    errno = 0;
    code_ = ::getnameinfo(reinterpret_cast<const sockaddr*>(&address_), address_size_,
                          host_size_ > 0 ? host_.get() : nullptr, host_size_,
                          service_size_ > 0 ? service_.get() : nullptr, service_size_, flags_);
    errno_ = errno;
  }
  void release() noexcept override { delete this; }

  /// After run().
  int take(char* host, char* service) const noexcept {
    if (code_ == 0 && host_size_ > 0) std::strcpy(host, host_.get());
    if (code_ == 0 && service_size_ > 0) std::strcpy(service, service_.get());
    // The C library leaves errno behind with other codes, too.
    if (code_ != 0 && errno_ != 0) errno = errno_;
    return code_;
  }

 private:
  // No name is longer.
  static constexpr socklen_t kLongest = 4096;

  NameLookup(socklen_t host_size, socklen_t service_size, int flags) noexcept
      : host_size_(std::min(host_size, kLongest)),
        service_size_(std::min(service_size, kLongest)),
        flags_(flags),
        host_(new (std::nothrow) char[host_size_ + 1]()),
        service_(new (std::nothrow) char[service_size_ + 1]()) {}
  ~NameLookup() = default;
  friend std::default_delete<NameLookup>;

  sockaddr_storage address_{};
  socklen_t address_size_ = 0;
  const socklen_t host_size_;
  const socklen_t service_size_;
  const int flags_;
  const std::unique_ptr<char[]> host_;
  const std::unique_ptr<char[]> service_;
  int code_ = EAI_SYSTEM;
  int errno_ = 0;
};

}  // namespace
}  // namespace runtime::inline v1::posix

namespace io = runtime::io;
namespace posix = runtime::posix;

int runtime_getnameinfo(const sockaddr* address, socklen_t address_size, char* host, socklen_t host_size, char* service,
                        socklen_t service_size, int flags) {
  if (host == nullptr) host_size = 0;
  if (service == nullptr) service_size = 0;
  const bool wants_names =
      (host_size > 0 && (flags & NI_NUMERICHOST) == 0) || (service_size > 0 && (flags & NI_NUMERICSERV) == 0);
  const bool is_fiber = io::begin_call();
  if (!is_fiber || !wants_names || address == nullptr) {
    const int errno_before = errno;
    const int code = ::getnameinfo(address, address_size, host, host_size, service, service_size, flags);
    if (is_fiber && code == 0) errno = errno_before;
    return code;
  }
  posix::NameLookup* lookup = posix::NameLookup::make(address, address_size, host_size, service_size, flags);
  if (lookup == nullptr) return EAI_MEMORY;
  const int errno_before = errno;
  if (const int refused = io::offload_detachable(*lookup); refused != 0) {
    errno = refused;
    return EAI_SYSTEM;
  }
  errno = errno_before;
  const int code = lookup->take(host, service);
  lookup->release();
  return code;
}
