#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <runtime/posix.h>

#include "preload/children.hpp"
#include "preload/closing.hpp"
#include "preload/shell.hpp"
#include "preload/stream_close.hpp"
#include "preload/visit.hpp"

// popen() and pclose(). The stream of the C library hides its child, so that nobody could park until it has ended: ours
// is made of a pipe, a shell and fdopen(). Once there are fibers the threads' are, too, for each kind closes in its
// children what it knows of.

namespace runtime::preload {
namespace {

struct Mode {
  bool reads = false;
  bool writes = false;
  bool closes_on_exec = false;
  bool is_valid = true;

  explicit Mode(const char* text) noexcept {
    for (; *text != '\0'; ++text) {
      if (*text == 'r') reads = true;
      else if (*text == 'w') writes = true;
      else if (*text == 'e') closes_on_exec = true;
      else is_valid = false;
    }
    is_valid = is_valid && reads != writes;
  }
};

/// What the child does between its start and its program.
class Actions final {
 public:
  Actions() noexcept {
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t mask;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    ::posix_spawnattr_setsigmask(&attributes_, &mask);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK);
  }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  ~Actions() {
    ::posix_spawn_file_actions_destroy(&files_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  /// 0 and the child, or an error number.
  int start(const char* command, int end, int as, pid_t* child) noexcept {
    if (const int error = ::posix_spawn_file_actions_adddup2(&files_, end, as); error != 0) return error;
    if (const int error = Children::close_all_in(files_, as); error != 0) return error;
    return start_shell(child, command, &files_, &attributes_);
  }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

FILE* open_ours(const char* command, const char* mode_text) noexcept {
  const int errno_before = errno;
  Children::reap_abandoned();
  const Mode mode(mode_text);
  if (!mode.is_valid) {
    errno = EINVAL;
    return nullptr;
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return nullptr;
  const int own_end = ends[mode.reads ? 0 : 1];
  const int its_end = ends[mode.reads ? 1 : 0];
  FILE* file = ::fdopen(own_end, mode.reads ? "r" : "w");
  pid_t child = Children::kNone;
  int error =
      file == nullptr ? errno : Actions().start(command, its_end, mode.reads ? STDOUT_FILENO : STDIN_FILENO, &child);
  ::close(its_end);
  if (error == 0 && !Children::add(file, child)) {
    error = ENOMEM;
    ::kill(child, SIGKILL);
    Children::abandon(child);
  }
  if (error != 0) {
    if (file != nullptr) ::fclose(file);
    if (file == nullptr) ::close(own_end);
    errno = error;
    return nullptr;
  }
  if (!mode.closes_on_exec) ::fcntl(own_end, F_SETFD, 0);
  errno = errno_before;
  return file;
}

/// pclose() of what `child` says the stream is.
template <class Original>
int close_stream(FILE* file, pid_t child, Original original) noexcept {
  return child == Children::kNone || child == Children::kOfLibrary ? original() : close_and_wait(file, child);
}

}  // namespace

int close_and_wait(FILE* file, pid_t child) noexcept {
  const int errno_before = errno;
  // The child hears of the end by this. Its status is what counts, as for the C library.
  static_cast<void>(close_stream_told(file));
  int status = 0;
  pid_t found;
  do {
    found = runtime_waitpid(child, &status, 0);
  } while (found < 0 && errno == EINTR);
  if (found < 0) {
    if (errno == ECANCELED) Children::abandon(child);
    return -1;
  }
  errno = errno_before;
  return status;
}

}  // namespace runtime::preload

RUNTIME_PRELOAD_NEXT(FILE*, popen, (const char*, const char*))
RUNTIME_PRELOAD_EXPORT(FILE*, popen, (const char* command, const char* mode)) {
  using namespace runtime::preload;
  if (runtime_companion_words* fiber = runtime_companion_here(); __builtin_expect(fiber != nullptr, 0)) {
    const Visit visit(*fiber, __builtin_return_address(0), call_popen);
    return visit.is_ours() ? open_ours(command, mode) : next_popen(command, mode);
  }
  if (may_have_waiters(__builtin_return_address(0))) return open_ours(command, mode);
  FILE* file = next_popen(command, mode);
  // Without memory for that, later children do not close it: what they would do without us, too, had fork() made them.
  if (file != nullptr) static_cast<void>(Children::add(file, Children::kOfLibrary));
  return file;
}
RUNTIME_PRELOAD_ALIAS(FILE*, _IO_popen, popen, (const char*, const char*))

RUNTIME_PRELOAD_NEXT(int, pclose, (FILE*))
RUNTIME_PRELOAD_EXPORT(int, pclose, (FILE* file)) {
  using namespace runtime::preload;
  const auto next = [=] { return next_pclose(file); };
  if (runtime_companion_words* fiber = runtime_companion_here(); __builtin_expect(fiber != nullptr, 0)) {
    const Visit visit(*fiber, __builtin_return_address(0), call_pclose);
    return visit.is_ours() ? close_stream(file, Children::remove(file), next) : next();
  }
  return close_stream(file, Children::remove(file), next);
}
