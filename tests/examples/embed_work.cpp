#include "embed_work.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <numeric>
#include <string_view>

#include <runtime/posix.h>

#include "throw_errno.hpp"

namespace examples {

using namespace std::chrono_literals;

EmbedWork::EmbedWork(runtime::LocalRuntime& rt) : rt_(rt) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("socketpair");
  server_ = ends[0];
  client_ = ends[1];
  tasks_.push_back(rt.spawn_local([this] { tick(); }));
  tasks_.push_back(rt.spawn_local([this] { echo(); }));
  tasks_.push_back(rt.spawn_local([this] { talk(); }));
  tasks_.push_back(rt.spawn_local([this] { compute(); }));
}

EmbedWork::~EmbedWork() {
  // Tasks that have not ended use what is ours. Waiting outside block_on drives the runtime.
  for (auto& task : tasks_) {
    task.abort();
    task.wait();
  }
  ::close(server_);
  ::close(client_);
}

// The tasks: ordinary code that blocks, each on a stack of its own. --------------------------------------------------

void EmbedWork::tick() {
  for (; ticks_ < 10; ++ticks_) runtime::sleep_for(10ms);
}

void EmbedWork::echo() {
  char bytes[64];
  for (ssize_t n; (n = runtime_read(server_, bytes, sizeof bytes)) > 0;) {
    if (runtime_write(server_, bytes, static_cast<std::size_t>(n)) != n) throw_errno("write");
  }
}

void EmbedWork::talk() {
  for (const std::string_view word : {"one ", "two ", "three"}) {
    runtime::sleep_for(15ms);
    if (runtime_write(client_, word.data(), word.size()) < 0) throw_errno("write");
    char bytes[64];
    const ssize_t n = runtime_read(client_, bytes, sizeof bytes);
    if (n < 0) throw_errno("read");
    heard_.append(bytes, static_cast<std::size_t>(n));
  }
  ::shutdown(client_, SHUT_WR);
}

void EmbedWork::compute() {
  std::vector<int> numbers(1000);
  sum_ = runtime::offload([&numbers] {
    std::iota(numbers.begin(), numbers.end(), 1);
    return std::accumulate(numbers.begin(), numbers.end(), 0);
  });
}

// The loop's side. -----------------------------------------------------------------------------------------------------

void EmbedWork::run_ready() {
  const std::size_t resumes = rt_.run_ready();
  ++wakes_;
  resumes_ += resumes;
  if (resumes == 0) ++in_vain_;
}

bool EmbedWork::is_done() const noexcept {
  return std::all_of(tasks_.begin(), tasks_.end(), [](const auto& task) { return task.is_finished(); });
}

void EmbedWork::report(const char* loop, int own_ticks) const {
  std::cout << "ticks: " << ticks_ << "\n"
            << "echo: " << heard_ << "\n"
            << "sum from the pool: " << sum_ << "\n"
            << loop << " woke " << wakes_ << " times for " << resumes_ << " resumes, " << in_vain_ << " times in vain\n"
            << "its own timer went off " << own_ticks << " times\n";
}

}  // namespace examples
