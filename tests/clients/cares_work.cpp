// c-ares: a lookup, driven by select() as c-ares' own examples drive it.

#include <array>
#include <string>

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/select.h>
#include <sys/socket.h>

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
    options.timeout = 5000;
    options.tries = 2;
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

void work(const Servers& servers, int number) {
  Answer answer;
  const Channel channel(servers.dns);
  const std::string name = "host-" + std::to_string(number % 200) + ".test";
  ares_gethostbyname(channel.get(), name.c_str(), AF_INET, take, &answer);
  while (!answer.has_come) {
    fd_set readable, writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    const int count = ares_fds(channel.get(), &readable, &writable);
    timeval longest{10, 0};
    timeval* wait = ares_timeout(channel.get(), &longest, &longest);
    if (::select(count, &readable, &writable, nullptr, wait) < 0) throw Wrong("select fails");
    ares_process(channel.get(), &readable, &writable);
  }
  expect(answer.status, name.c_str());
  const std::string expected = "10.1.0." + std::to_string(number % 200);
  if (answer.address != expected) throw Wrong(name + ": not " + expected + " but " + answer.address);
}

}  // namespace

Library cares_library() { return {"cares", version, work, nullptr}; }

}  // namespace clients
