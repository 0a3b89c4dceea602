// libssh2: a command on an sshd, over a blocking socket of the program's own.

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

#include <arpa/inet.h>
#include <libssh2.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "work.hpp"

namespace clients {
namespace {

struct Free {
  void operator()(LIBSSH2_SESSION* session) const { libssh2_session_free(session); }
  void operator()(LIBSSH2_CHANNEL* channel) const { libssh2_channel_free(channel); }
};

class Socket {
 public:
  explicit Socket(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd_ < 0 || ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      const int error = errno;
      if (fd_ >= 0) ::close(fd_);
      throw Wrong("connect: " + std::system_category().message(error));
    }
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int fd() const { return fd_; }

 private:
  int fd_;
};

// A session that has logged in, and the channel of one command in it.
class Command {
 public:
  Command(const Servers& servers, const std::string& line) : socket_(servers.ssh), session_(libssh2_session_init()) {
    if (!session_) throw Wrong("libssh2_session_init fails");
    expect(libssh2_session_handshake(session_.get(), socket_.fd()), "libssh2_session_handshake");
    expect(libssh2_userauth_publickey_fromfile(session_.get(), servers.ssh_user.c_str(), nullptr,
                                               servers.ssh_key.c_str(), nullptr),
           "libssh2_userauth_publickey_fromfile");
    channel_.reset(libssh2_channel_open_session(session_.get()));
    if (!channel_) throw Wrong(error("libssh2_channel_open_session"));
    expect(libssh2_channel_exec(channel_.get(), line.c_str()), "libssh2_channel_exec");
  }

  // All that the command writes. Throws: Wrong, if the connection fails before the command has ended with status 0.
  std::string output() {
    std::string all;
    std::array<char, 256> buffer{};
    for (;;) {
      const auto count = libssh2_channel_read(channel_.get(), buffer.data(), buffer.size());
      if (count < 0) throw Wrong(error("libssh2_channel_read"));
      if (count == 0) break;
      all.append(buffer.data(), static_cast<std::size_t>(count));
    }
    expect(libssh2_channel_close(channel_.get()), "libssh2_channel_close");
    expect(libssh2_channel_wait_closed(channel_.get()), "libssh2_channel_wait_closed");
    const int status = libssh2_channel_get_exit_status(channel_.get());
    if (status != 0) throw Wrong("the command ends with status " + std::to_string(status));
    return all;
  }

 private:
  std::string error(const char* call) const {
    char* text = nullptr;
    const int code = libssh2_session_last_error(session_.get(), &text, nullptr, 0);
    return std::string(call) + ": " + text + " (" + std::to_string(code) + ")";
  }

  void expect(int code, const char* call) const {
    if (code != 0) throw Wrong(error(call));
  }

  Socket socket_;  // outlives the session, which says good-bye over it
  std::unique_ptr<LIBSSH2_SESSION, Free> session_;
  std::unique_ptr<LIBSSH2_CHANNEL, Free> channel_;
};

std::string version() { return libssh2_version(0); }

void work(const Servers& servers, int number) {
  Command command(servers, "sleep 0.5; echo " + std::to_string(number));
  const std::string answer = command.output();
  if (answer != std::to_string(number) + "\n") throw Wrong("asked for " + std::to_string(number) + ", got " + answer);
}

std::string hang(const Servers& servers) {
  Command command(servers, "sleep 30");
  try {
    command.output();
  } catch (const Wrong& error) {
    return error.what();
  }
  return {};
}

}  // namespace

Library ssh_library() { return {"ssh", version, work, hang}; }

}  // namespace clients
