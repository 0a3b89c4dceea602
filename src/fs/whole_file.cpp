#include <runtime/fs/whole_file.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <new>

#include "base/unique_fd.hpp"
#include "fs/on_pool.hpp"
#include "fs/path.hpp"
#include "fs/transfer.hpp"

namespace runtime::inline v1::fs {
namespace {

constexpr std::size_t kFirstPart = 4096;

/// How a part of the work ended, for the one exception that names it.
struct Outcome {
  const char* call = "open";
  bool no_memory = false;
};

/// Files below /proc say that they have no size, and others grow meanwhile: the end is where read() says so.
int read_whole(int fd, const detail::Sink& sink, Outcome& outcome) noexcept {
  struct stat status;
  std::size_t room = kFirstPart;
  if (::fstat(fd, &status) == 0 && status.st_size > 0) room = static_cast<std::size_t>(status.st_size) + 1;
  outcome.call = "read";
  std::size_t filled = 0;
  for (;; room *= 2) {
    char* bytes = sink.resize(sink.arg, room);
    outcome.no_memory = bytes == nullptr;
    if (outcome.no_memory) return ENOMEM;
    while (filled < room) {
      const ssize_t n = uninterrupted([=] { return ::read(fd, bytes + filled, room - filled); });
      if (n < 0) return errno;
      if (n == 0) return sink.resize(sink.arg, filled) != nullptr ? 0 : ENOMEM;
      filled += static_cast<std::size_t>(n);
    }
  }
}

[[noreturn]] void throw_outcome(int error, const Outcome& outcome, const std::string& name) {
  if (outcome.no_memory) throw std::bad_alloc();
  throw_about(error, outcome.call, name);
}

}  // namespace

namespace detail {

void read_file(std::string_view path, const Sink& sink) {
  const std::string name = checked_path(path);
  begin_call();
  Outcome outcome;
  const int error = call_on_pool(Fate::may_be_refused, [&]() noexcept {
    int fd;
    if (const int failed = open_into(fd, name.c_str(), O_RDONLY, 0)) return failed;
    const base::UniqueFd file(fd);
    return read_whole(fd, sink, outcome);
  });
  if (error != 0) throw_outcome(error, outcome, name);
}

void write_file(std::string_view path, std::string_view bytes) {
  const std::string name = checked_path(path);
  begin_call();
  Outcome outcome;
  const int error = call_on_pool(Fate::is_certain, [&]() noexcept {
    int fd;
    if (const int failed = open_into(fd, name.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666)) return failed;
    base::UniqueFd file(fd);
    outcome.call = "write";
    if (const int failed = write_whole(fd, bytes)) return failed;
    // Some file systems say only now that there was no room.
    outcome.call = "close";
    return ::close(file.release()) < 0 && errno != EINTR ? errno : 0;
  });
  if (error != 0) throw_outcome(error, outcome, name);
}

}  // namespace detail
}  // namespace runtime::inline v1::fs
