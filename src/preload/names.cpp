#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <new>

#include <runtime/posix.h>
#include <runtime/task_local.hpp>

#include "preload/answer.hpp"
#include "preload/visit.hpp"

// Host names. The C library asks servers from within: there is nothing to stand in front of but these. The old calls,
// which answer in memory of their own, do so in memory of the fiber's: two fibers that look up at once both get theirs.

namespace runtime::preload {
namespace {

FiberLocal<Answer<hostent>> answer_by_name, answer_by_name2, answer_by_address;

/// A call that has only h_errno to say what went wrong, through one with a buffer: ask(entry, text, size, found,
/// error).
template <class Ask>
hostent* find_host(FiberLocal<Answer<hostent>>& answer, Ask ask) noexcept {
  hostent* found = nullptr;
  int error = NETDB_INTERNAL;
  try {
    const int result = answer->fill(
        [&](hostent* entry, char* text, std::size_t size) { return ask(entry, text, size, &found, &error); });
    if (found == nullptr && error == NETDB_INTERNAL) errno = result;
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
  }
  if (found == nullptr) h_errno = error;
  return found;
}

hostent* find_by_name(FiberLocal<Answer<hostent>>& answer, const char* name, int family) noexcept {
  return find_host(answer, [=](hostent* entry, char* text, std::size_t size, hostent** found, int* error) {
    return runtime_gethostbyname2_r(name, family, entry, text, size, found, error);
  });
}

hostent* find_by_address(const void* address, socklen_t size, int family) noexcept {
  return find_host(answer_by_address, [=](hostent* entry, char* text, std::size_t room, hostent** found, int* error) {
    return runtime_gethostbyaddr_r(address, size, family, entry, text, room, found, error);
  });
}

}  // namespace
}  // namespace runtime::preload

RUNTIME_PRELOAD(int, getaddrinfo, (const char* node, const char* service, const addrinfo* hints, addrinfo** result),
                (node, service, hints, result), runtime_getaddrinfo(node, service, hints, result))

RUNTIME_PRELOAD(int, getnameinfo,
                (const sockaddr* address, socklen_t size, char* host, socklen_t host_size, char* service,
                 socklen_t service_size, int flags),
                (address, size, host, host_size, service, service_size, flags),
                runtime_getnameinfo(address, size, host, host_size, service, service_size, flags))

RUNTIME_PRELOAD(int, gethostbyname_r,
                (const char* name, hostent* entry, char* text, size_t size, hostent** found, int* error),
                (name, entry, text, size, found, error), runtime_gethostbyname_r(name, entry, text, size, found, error))

RUNTIME_PRELOAD(int, gethostbyname2_r,
                (const char* name, int family, hostent* entry, char* text, size_t size, hostent** found, int* error),
                (name, family, entry, text, size, found, error),
                runtime_gethostbyname2_r(name, family, entry, text, size, found, error))

RUNTIME_PRELOAD(int, gethostbyaddr_r,
                (const void* address, socklen_t address_size, int family, hostent* entry, char* text, size_t size,
                 hostent** found, int* error),
                (address, address_size, family, entry, text, size, found, error),
                runtime_gethostbyaddr_r(address, address_size, family, entry, text, size, found, error))

// (The question of gethostbyname() is for IPv4: RES_USE_INET6, which made it another, has been ignored since
// glibc 2.25.)
RUNTIME_PRELOAD(hostent*, gethostbyname, (const char* name), (name), find_by_name(answer_by_name, name, AF_INET))
RUNTIME_PRELOAD(hostent*, gethostbyname2, (const char* name, int family), (name, family),
                find_by_name(answer_by_name2, name, family))
RUNTIME_PRELOAD(hostent*, gethostbyaddr, (const void* address, socklen_t size, int family), (address, size, family),
                find_by_address(address, size, family))
