#include <netdb.h>

#include <runtime/posix.h>

#include <cerrno>

#include "io/wait.hpp"
#include "net/name_lookup.hpp"

int runtime_getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  const bool is_fiber = runtime::io::begin_call();
  const int errno_before = errno;
  const int code = runtime::net::look_up_name(node, service, hints, result);
  if (is_fiber && code != EAI_SYSTEM) errno = errno_before;
  return code;
}
