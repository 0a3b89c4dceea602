#pragma once

#include <netdb.h>
#include <sys/socket.h>

#include <cstddef>

namespace runtime::inline v1::posix {

/// What is looked up: a name (gethostbyname2_r) or an address (gethostbyaddr_r).
struct HostQuestion {
  const void* key;
  std::size_t size;  // of an address; of a name with its zero
  int family;
  bool by_address;
};

/// The caller's part of such a call: where the answer goes.
struct HostAnswer {
  hostent* entry;
  char* buffer;
  std::size_t size;
  hostent** found;
  int* error;
};

/// The call itself, on this thread.
int ask(const HostQuestion& question, const HostAnswer& answer) noexcept;
/// The same on the pool; the fiber parks, and leaves the lookup behind when it is cancelled.
int ask_on_pool(const HostQuestion& question, const HostAnswer& answer) noexcept;

}  // namespace runtime::inline v1::posix
