// O_NONBLOCK belongs to the program. Where a call has to borrow it, others who use the same description at that moment
// are not misled: two runtimes, plain threads, forked children.

#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "posix_support.hpp"

using namespace posix_test;

namespace {

/// Connects so many clients, one after the other, and waits for each to be greeted.
void connect_clients(const sockaddr_in& address, int count) {
  for (int i = 0; i < count; ++i) {
    const Fd client = make_tcp();
    CHECK(::connect(client, generic(address), sizeof address) == 0);
    char byte;
    CHECK(::read(client, &byte, 1) == 1);
  }
}

}  // namespace

TEST_CASE_FIXTURE(Limits, "the flag is as before while a call waits, and after it") {
  const Listener listener;
  const Pair p = make_sockets();
  const Pair pipe = make_pipe();
  char buffer[8];
  on_fiber([&] {
    auto accepting = runtime::spawn_local([&] { return runtime_accept(listener.fd, nullptr, nullptr); });
    auto receiving = runtime::spawn_local([&] { return runtime_recv(p.a, buffer, 8, 0); });
    auto reading = runtime::spawn_local([&] { return runtime_read(pipe.a, buffer, 8); });
    settle();
    for (const int fd : {+listener.fd, +p.a, +pipe.a}) CHECK_FALSE(is_nonblocking(fd));
    accepting.abort();
    receiving.abort();
    reading.abort();
    CHECK(accepting.join() == -1);
    CHECK(receiving.join() == -1);
    CHECK(reading.join() == -1);
  });
  for (const int fd : {+listener.fd, +p.a, +pipe.a}) CHECK_FALSE(is_nonblocking(fd));
}

TEST_CASE_FIXTURE(Limits, "two runtimes and two plain threads accept on one blocking listener; nobody gets EAGAIN") {
  const Listener listener;
  constexpr int kClients = 400;
  std::atomic<int> accepted{0};
  const auto serve_all = [&] {
    for (;;) {
      const int fd = runtime_accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) {
        CHECK(errno == EINVAL);  // the end: the listener was shut down
        return;
      }
      const Fd client(fd);
      ++accepted;
      CHECK(::write(client, "h", 1) == 1);
    }
  };
  std::vector<std::thread> servers;
  for (int i = 0; i < 2; ++i) servers.emplace_back(serve_all);
  for (int i = 0; i < 2; ++i) servers.emplace_back([&] { on_fiber(serve_all); });
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back([&] { connect_clients(listener.address, kClients / 4); });
  for (auto& client : clients) client.join();
  CHECK(::shutdown(listener.fd, SHUT_RDWR) == 0);
  for (auto& server : servers) server.join();
  CHECK(accepted == kClients);
  CHECK_FALSE(is_nonblocking(listener.fd));
}

TEST_CASE_FIXTURE(Limits, "two runtimes and a plain thread read one named FIFO; every byte arrives once") {
  std::string folder = temporary_pattern();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::string path = folder + "/fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  Fd writer(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  const Fd reader(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ::unlink(path.c_str());
  ::rmdir(folder.c_str());

  std::atomic<int> sum{0};
  const auto read_all = [&] {
    char byte;
    for (ssize_t n; (n = runtime_read(reader, &byte, 1)) != 0;) {
      CHECK(n == 1);
      if (n < 0) return;
      ++sum;
    }
  };
  std::vector<std::thread> readers;
  readers.emplace_back(read_all);
  for (int i = 0; i < 2; ++i) readers.emplace_back([&] { on_fiber(read_all); });
  for (int i = 0; i < 3000; ++i) REQUIRE(::write(writer, "x", 1) == 1);
  writer.reset();
  for (auto& thread : readers) thread.join();
  CHECK(sum == 3000);
  CHECK_FALSE(is_nonblocking(reader));
}

TEST_CASE_FIXTURE(Limits, "a child forked while the flag is lent can still make every call") {
  const Listener listener;
  std::atomic<bool> stop{false};
  // Borrows and gives back as fast as it can.
  std::thread borrower([&] {
    on_fiber([&] {
      const Fd client = make_udp();
      const sockaddr_in address = listener.address;
      while (!stop) CHECK(runtime_connect(client, generic(address), sizeof address) == 0);
    });
  });
  for (int i = 0; i < 50; ++i) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      // A plain thread whose accept meets EAGAIN asks for the loans: a lock left taken would hold it here for ever.
      ::alarm(10);
      const timeval soon{0, 1000};
      ::setsockopt(listener.fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
      const int result = runtime_accept(listener.fd, nullptr, nullptr);
      std::_Exit(result == -1 && errno == EAGAIN ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  stop = true;
  borrower.join();
}

TEST_CASE_FIXTURE(Limits, "runtime_fcntl neither shows a flag on loan nor loses one that the program sets meanwhile") {
  const std::string path = temporary_pattern() + std::to_string(::getpid());
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const Fd fifo(::open(path.c_str(), O_RDWR | O_CLOEXEC));  // of a named one, each read borrows the flag
  ::unlink(path.c_str());
  std::atomic<bool> is_over{false};
  int shown = 0, lost = 0;
  std::thread program([&] {
    while (!is_over) {
      const int flags = runtime_fcntl(fifo, F_GETFL);
      shown += (flags & O_NONBLOCK) != 0;
      runtime_fcntl(fifo, F_SETFL, flags | O_NONBLOCK);
      std::this_thread::yield();
      lost += (runtime_fcntl(fifo, F_GETFL) & O_NONBLOCK) == 0;
      runtime_fcntl(fifo, F_SETFL, flags & ~O_NONBLOCK);
      std::this_thread::yield();
    }
  });
  on_fiber([&] {
    char byte;
    for (int i = 0; i < 5000; ++i) {
      CHECK(::write(fifo, "x", 1) == 1);
      CHECK(runtime_read(fifo, &byte, 1) == 1);
    }
  });
  is_over = true;
  program.join();
  CHECK(shown == 0);
  CHECK(lost == 0);
}
