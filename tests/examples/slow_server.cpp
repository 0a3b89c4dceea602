#include "slow_server.hpp"

#include <cerrno>
#include <optional>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <runtime/posix.h>
#include <runtime/runtime.hpp>

#include "throw_errno.hpp"

namespace examples {

namespace {

// Room for every client that connects before the accepting fiber has its turn.
constexpr int kBacklog = 4096;

// The request up to the empty line; nothing if the client goes, falls silent, or sends more than a request needs.
std::optional<std::string> read_request(int fd) {
  constexpr std::size_t kLongest = 8192;
  std::string request;
  char buffer[1024];
  while (request.find("\r\n\r\n") == std::string::npos) {
    const ssize_t received = runtime_recv(fd, buffer, sizeof buffer, 0);
    if (received <= 0 || request.size() > kLongest) return std::nullopt;
    request.append(buffer, static_cast<std::size_t>(received));
  }
  return request;
}

std::string answer(const char* status, const std::string& body) {
  return std::string("HTTP/1.1 ") + status +
         "\r\nContent-Type: application/octet-stream\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

std::string answer_to(std::string_view request, std::size_t body_size) {
  const std::string_view line = request.substr(0, request.find("\r\n"));
  const std::size_t method_end = line.find(' ');
  const std::size_t path_end = line.rfind(' ');
  const bool is_http = method_end != path_end && line.substr(path_end + 1).substr(0, 7) == "HTTP/1.";
  if (!is_http) return answer("400 Bad Request", "this is not an HTTP/1 request\n");
  if (line.substr(0, method_end) != "GET") return answer("405 Method Not Allowed", "only GET is served here\n");
  return answer("200 OK", slow_body(line.substr(method_end + 1, path_end - method_end - 1), body_size));
}

void send_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t sent = runtime_send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the client has gone, or takes nothing: its answer is of no use to anybody
    data.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void serve_connection(int fd, const SlowServer::Options& options) {
  const std::optional<std::string> request = read_request(fd);
  if (!request) return;
  runtime::sleep_for(options.delay);
  send_all(fd, answer_to(*request, options.body_size));
  // Closing while the client still sends would reset the connection, and could take the answer with it.
  runtime_shutdown(fd, SHUT_WR);
  char rest[1024];
  while (runtime_recv(fd, rest, sizeof rest, 0) > 0) {
  }
}

// Errors of accept that a server outlives: the client went, or there is no descriptor or memory just now.
bool is_passing(int error) {
  return error == ECONNABORTED || error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// A connection's descriptor, closed whichever way its fiber ends: cancelling unwinds it.
class Connection final {
 public:
  explicit Connection(int fd) noexcept : fd_(fd) {}
  Connection(Connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Connection() {
    if (fd_ >= 0) runtime_close(fd_);
  }
  int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace

SlowServer::SlowServer(const Options& options) : options_(options) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener_ < 0) throw_errno("socket");
  const int on = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(listener_, raw, sizeof address) != 0 || ::listen(listener_, kBacklog) != 0 ||
      ::getsockname(listener_, raw, &size) != 0) {
    const int failure = errno;
    runtime_close(listener_);
    errno = failure;
    throw_errno("cannot listen on 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
}

SlowServer::~SlowServer() {
  if (listener_ >= 0) runtime_close(listener_);
}

void SlowServer::serve_until_end_of(int control) {
  runtime::LocalRuntime rt;
  rt.block_on([&] {
    auto acceptor = runtime::TaskBuilder().name("accept").spawn_local([this] { accept_all(); });
    auto watcher = runtime::TaskBuilder().name("control").spawn_local([&] {
      char ignored = 0;
      while (runtime_read(control, &ignored, 1) > 0) {
      }
      runtime_close(std::exchange(listener_, -1));  // wakes the acceptor with EBADF
    });
    acceptor.join();
    watcher.abort();
  });
}

void SlowServer::serve() {
  runtime::run([this] { accept_all(); });
}

void SlowServer::accept_all() {
  // Once accepted, a connection may keep its fiber for so long without a byte.
  const timeval silence{10, 0};
  while (listener_ >= 0) {
    Connection connection(runtime_accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.fd() < 0) {
      if (listener_ < 0) return;  // closed by serve_until_end_of()
      if (!is_passing(errno)) throw_errno("accept4");
      runtime::sleep_for(std::chrono::milliseconds(10));  // meanwhile clients wait in the backlog
      continue;
    }
    if (::setsockopt(connection.fd(), SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence) != 0 ||
        ::setsockopt(connection.fd(), SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence) != 0)
      throw_errno("setsockopt");
    // Nobody joins a connection: its fiber ends when the client has its answer, or with the runtime.
    auto detached =
        runtime::TaskBuilder().name("connection").spawn_local([connection = std::move(connection), options = options_] {
          serve_connection(connection.fd(), options);
        });
  }
}

std::string slow_body(std::string_view path, std::size_t size) {
  std::string body;
  body.reserve(size + path.size() + 32);
  for (std::size_t line = 0; body.size() < size; ++line) {
    body.append(path).append(" line ").append(std::to_string(line)).append("\n");
  }
  body.resize(size);
  return body;
}

}  // namespace examples
