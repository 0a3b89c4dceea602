// c-ares: a lookup, driven by select() as c-ares' own examples drive it.

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "silent_server.hpp"
#include "work.hpp"

namespace clients {
namespace {

void expect(int code, const char* call) {
  if (code != ARES_SUCCESS) throw Wrong(std::string(call) + ": " + ares_strerror(code));
}

class Channel {
 public:
  explicit Channel(int port) {
    ares_options options{};
    options.timeout = 30'000;
    options.tries = 1;
    expect(ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES), "ares_init_options");
    const int code = ares_set_servers_ports_csv(channel_, ("127.0.0.1:" + std::to_string(port)).c_str());
    if (code != ARES_SUCCESS) ares_destroy(channel_);
    expect(code, "ares_set_servers_ports_csv");
  }
  ~Channel() { ares_destroy(channel_); }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  ares_channel get() const { return channel_; }

 private:
  ares_channel channel_ = nullptr;
};

struct Answer {
  bool has_come = false;
  int status = ARES_SUCCESS;
  std::string address;
};

void take(void* argument, int status, int, hostent* host) {
  auto& answer = *static_cast<Answer*>(argument);
  answer.has_come = true;
  answer.status = status;
  if (status != ARES_SUCCESS || host->h_addr_list[0] == nullptr) return;
  std::array<char, INET_ADDRSTRLEN> text{};
  if (inet_ntop(host->h_addrtype, host->h_addr_list[0], text.data(), text.size()) != nullptr) {
    answer.address = text.data();
  }
}

std::string version() { return ares_version(nullptr); }

// The address of a host, from the server at `port`. Throws: Wrong, if there is none.
std::string look_up(int port, const std::string& name) {
  Answer answer;
  const Channel channel(port);
  ares_gethostbyname(channel.get(), name.c_str(), AF_INET, take, &answer);
  while (!answer.has_come) {
    fd_set readable, writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    const int count = ares_fds(channel.get(), &readable, &writable);
    timeval longest{30, 0};
    timeval storage{};
    timeval* const wait = ares_timeout(channel.get(), &longest, &storage);
    if (::select(count, &readable, &writable, nullptr, wait) < 0) {
      throw Wrong("select: " + std::system_category().message(errno));
    }
    ares_process(channel.get(), &readable, &writable);
  }
  expect(answer.status, name.c_str());
  return answer.address;
}

void work(const Servers& servers, int number) {
  const std::string name = "host-" + std::to_string(number % 200) + ".test";
  const std::string expected = "10.1.0." + std::to_string(number % 200);
  const std::string address = look_up(servers.dns, name);
  if (address != expected) throw Wrong(name + ": not " + expected + " but " + address);
}

std::string hang(const Servers&) {
  const SilentServer silent(SOCK_DGRAM);
  try {
    look_up(silent.port(), "host-0.test");
  } catch (const Wrong& error) {
    return error.what();
  }
  return {};
}

}  // namespace

Library cares_library() { return {"cares", version, work, hang}; }

}  // namespace clients
