#include <runtime/process/command.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <type_traits>
#include <utility>

#include <runtime/error.hpp>

#include "base/system_error.hpp"
#include "io/shared_fd.hpp"
#include "process/child_impl.hpp"
#include "process/launch.hpp"

namespace runtime::inline v1::process {
namespace {

std::string checked(std::string_view text, const char* what) {
  if (text.find('\0') == std::string_view::npos) return std::string(text);
  throw Error(Errc::invalid_argument,
              std::string(what) + " with a zero byte inside: the kernel would see only what is before it");
}

std::string checked_name(std::string_view name) {
  if (name.empty() || name.find('=') != std::string_view::npos) {
    throw Error(Errc::invalid_argument,
                "a variable needs a name, and one without `=`: got \"" + std::string(name) + '"');
  }
  return checked(name, "a variable's name");
}

/// Not where the child's standard streams are put: with one of ours closed, a new descriptor gets its number.
base::UniqueFd above_standard_streams(base::UniqueFd fd) {
  if (fd.get() > STDERR_FILENO) return fd;
  base::UniqueFd higher(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (higher.get() < 0) base::throw_errno(errno, "fcntl");
  return higher;
}

struct Pipe {
  base::UniqueFd reader, writer;
};

Pipe make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) base::throw_errno(errno, "pipe2");
  Pipe pipe{base::UniqueFd(fds[0]), base::UniqueFd(fds[1])};
  pipe.reader = above_standard_streams(std::move(pipe.reader));
  pipe.writer = above_standard_streams(std::move(pipe.writer));
  return pipe;
}

/// Our end never blocks the thread. The ends are descriptions of their own, so the child's does as the child likes.
detail::RawFd ours(base::UniqueFd fd) {
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) base::throw_errno(errno, "fcntl");
  return detail::RawFd(io::SharedFd::make(std::move(fd)), detail::RawFd::kBoth);
}

/// What the child gets for a stream; `end` becomes ours of a pipe.
template <class End>
StreamSource open_stream(Stdio mode, End& end) {
  StreamSource source;
  source.is_null = mode == Stdio::null;
  if (mode == Stdio::piped) {
    Pipe pipe = make_pipe();
    constexpr bool kWeWrite = std::is_same_v<End, io::PipeWriter>;
    end = End(ours(std::move(kWeWrite ? pipe.writer : pipe.reader)));
    source.fd = std::move(kWeWrite ? pipe.reader : pipe.writer);
  }
  return source;
}

}  // namespace

/// Owns: all of it.
class Command::Impl final {
 public:
  /// Throws: Error invalid_argument for null.
  static Impl& of(const std::unique_ptr<Impl>& impl) {
    if (impl == nullptr) {
      throw Error(Errc::invalid_argument, "this Command was moved from: use the object that it was moved to");
    }
    return *impl;
  }

  Program program;
  Stdio in = Stdio::inherit, out = Stdio::inherit, err = Stdio::inherit;
  bool kill_on_drop = false;
};

Command::Command(std::string_view program) : impl_(std::make_unique<Impl>()) {
  impl_->program.name = checked(program, "a program's name");
}
Command::Command(Command&&) noexcept = default;
Command& Command::operator=(Command&&) noexcept = default;
Command::~Command() = default;

Command& Command::arg(std::string_view argument) {
  Impl::of(impl_).program.arguments.push_back(checked(argument, "an argument"));
  return *this;
}

Command& Command::env(std::string_view name, std::string_view value) {
  Impl::of(impl_).program.environment.set(checked_name(name), checked(value, "a variable's value"));
  return *this;
}

Command& Command::env_remove(std::string_view name) {
  Impl::of(impl_).program.environment.remove(checked_name(name));
  return *this;
}

Command& Command::env_clear() {
  Impl::of(impl_).program.environment.clear();
  return *this;
}

Command& Command::current_dir(std::string_view path) {
  if (path.empty()) throw Error(Errc::invalid_argument, "current_dir(\"\"): name a directory, or do not call it");
  Impl::of(impl_).program.directory = checked(path, "a directory");
  return *this;
}

Command& Command::stdin_mode(Stdio mode) {
  Impl::of(impl_).in = mode;
  return *this;
}

Command& Command::stdout_mode(Stdio mode) {
  Impl::of(impl_).out = mode;
  return *this;
}

Command& Command::stderr_mode(Stdio mode) {
  Impl::of(impl_).err = mode;
  return *this;
}

Command& Command::kill_on_drop(bool kill) {
  Impl::of(impl_).kill_on_drop = kill;
  return *this;
}

Child Command::spawn() {
  const Impl& impl = Impl::of(impl_);
  auto child = std::make_unique<Child::Impl>();
  child->kill_on_drop = impl.kill_on_drop;
  const StreamSource streams[3] = {open_stream(impl.in, child->in), open_stream(impl.out, child->out),
                                   open_stream(impl.err, child->err)};
  child->process = std::make_unique<ChildProcess>();  // before there is a process that would have to be told
  if (const int error = child->process->take(launch(impl.program, streams))) base::throw_errno(error, "pidfd_open");
  return Child(std::move(child));
}

}  // namespace runtime::inline v1::process
