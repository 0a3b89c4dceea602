#pragma once

#include <string_view>
#include <vector>

#include <runtime/net/socket_addr.hpp>

namespace runtime::inline v1::net {

/// What lookup_host() gives. The call it is for has begun (io::begin()).
std::vector<SocketAddr> addresses_of(std::string_view text);

}  // namespace runtime::inline v1::net
