#pragma once

#include <netdb.h>

namespace runtime::inline v1::net {

/// As getaddrinfo(3). On a fiber numbers are translated here, names on the pool, and the fiber parks meanwhile.
///
/// EAI_SYSTEM with ECANCELED: the caller was cancelled, or the pool takes nothing any more; the lookup may go on
/// without it.
int look_up_name(const char* node, const char* service, const addrinfo* hints, addrinfo** result) noexcept;

}  // namespace runtime::inline v1::net
