#include <arpa/inet.h>
#include <netdb.h>

#include <runtime/posix.h>

#include <cerrno>
#include <cstring>

#include "io/wait.hpp"
#include "posix/host_lookup.hpp"

namespace runtime::inline v1::posix {
namespace {

/// The C library answers these itself, without files or servers.
bool is_numeric(const char* name) noexcept {
  unsigned char address[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, name, address) == 1 || ::inet_pton(AF_INET6, name, address) == 1;
}

int look_up(const HostQuestion& question, const HostAnswer& answer) noexcept {
  if (!io::begin_call()) return ask(question, answer);
  const int errno_before = errno;
  const bool is_at_once = !question.by_address && is_numeric(static_cast<const char*>(question.key));
  const int code = is_at_once ? ask(question, answer) : ask_on_pool(question, answer);
  if (*answer.found != nullptr) errno = errno_before;
  return code;
}

}  // namespace
}  // namespace runtime::inline v1::posix

namespace posix = runtime::posix;

int runtime_gethostbyname_r(const char* name, hostent* entry, char* buffer, size_t size, hostent** found,
                            int* host_error) {
  return runtime_gethostbyname2_r(name, AF_INET, entry, buffer, size, found, host_error);
}

int runtime_gethostbyname2_r(const char* name, int family, hostent* entry, char* buffer, size_t size, hostent** found,
                             int* host_error) {
  return posix::look_up({name, std::strlen(name) + 1, family, false}, {entry, buffer, size, found, host_error});
}

int runtime_gethostbyaddr_r(const void* address, socklen_t address_size, int family, hostent* entry, char* buffer,
                            size_t size, hostent** found, int* host_error) {
  return posix::look_up({address, address_size, family, true}, {entry, buffer, size, found, host_error});
}
