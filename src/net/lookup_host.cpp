#include <runtime/net/lookup_host.hpp>

#include <netdb.h>

#include <cerrno>
#include <memory>
#include <string>

#include <runtime/error.hpp>

#include "io/call.hpp"
#include "net/addresses.hpp"
#include "net/endpoint.hpp"
#include "net/name_lookup.hpp"
#include "task/park.hpp"

namespace runtime::inline v1 {
namespace net {
namespace {

class ResolveCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "runtime.resolve"; }
  std::string message(int code) const override { return ::gai_strerror(code); }
};

[[noreturn]] void throw_unresolved(int code, int error, const std::string& host) {
  if (code != EAI_SYSTEM) throw std::system_error(code, resolve_category(), "cannot resolve '" + host + "'");
  if (error == ECANCELED) {
    if (task::Task* task = task::parkable()) task::throw_if_cancelled(*task);
    throw Error(Errc::shut_down, "looking '" + host + "' up while the runtime shuts down: its pool takes nothing new");
  }
  throw std::system_error(error, std::system_category(), "cannot resolve '" + host + "': getaddrinfo");
}

}  // namespace

const std::error_category& resolve_category() noexcept {
  static const ResolveCategory category;
  return category;
}

std::vector<SocketAddr> addresses_of(std::string_view text) {
  const Endpoint endpoint = Endpoint::parse(text);
  if (const auto address = endpoint.address()) return {*address};
  const std::string host(endpoint.host);
  const std::string service = std::to_string(endpoint.port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;  // else each address comes once for every kind of socket
  addrinfo* found = nullptr;
  const int code = look_up_name(host.c_str(), service.c_str(), &hints, &found);
  const int error = errno;
  if (code != 0) throw_unresolved(code, error, host);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<SocketAddr> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    addresses.push_back(SocketAddr::from_native(each->ai_addr, each->ai_addrlen));
  }
  return addresses;
}

}  // namespace net

void detail::lookup_host(std::string_view text, void* list, void (*add)(void*, const net::SocketAddr&)) {
  io::begin("lookup_host()");
  for (const net::SocketAddr& address : net::addresses_of(text)) add(list, address);
}

}  // namespace runtime::inline v1
