#include "preload/children.hpp"

#include <pthread.h>
#include <sys/wait.h>

#include <cerrno>
#include <new>

#include "preload/stream.hpp"

namespace runtime::preload {

/// In the list from popen() to pclose(); without a file, when abandoned, until it has been reaped.
struct Children::Child {
  FILE* file;
  pid_t pid;
  Child* next;
};

namespace {

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
Children::Child* first = nullptr;  // guarded by mutex

class Locked final {
 public:
  Locked() noexcept { ::pthread_mutex_lock(&mutex); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  ~Locked() { ::pthread_mutex_unlock(&mutex); }
};

// Nobody holds it in the child of a fork, where only the thread that forked is left to give it back.
[[gnu::constructor]] void keep_whole_across_forks() noexcept {
  ::pthread_atfork([] { ::pthread_mutex_lock(&mutex); }, [] { ::pthread_mutex_unlock(&mutex); },
                   [] { ::pthread_mutex_unlock(&mutex); });
}

}  // namespace

bool Children::add(FILE* file, pid_t pid) noexcept {
  Child* child = new (std::nothrow) Child{file, pid, nullptr};
  if (child == nullptr) return false;
  const Locked locked;
  child->next = first;
  first = child;
  return true;
}

pid_t Children::remove(FILE* file) noexcept {
  const Locked locked;
  for (Child** link = &first; *link != nullptr; link = &(*link)->next) {
    Child* child = *link;
    if (child->file != file) continue;
    const pid_t pid = child->pid;
    *link = child->next;
    delete child;
    return pid;
  }
  return kNone;
}

int Children::close_all_in(posix_spawn_file_actions_t& actions, int kept) noexcept {
  const Locked locked;
  for (const Child* child = first; child != nullptr; child = child->next) {
    const int fd = child->file == nullptr ? -1 : Stream(child->file).fd();
    if (fd < 0 || fd == kept) continue;
    if (const int error = ::posix_spawn_file_actions_addclose(&actions, fd); error != 0) return error;
  }
  return 0;
}

void Children::abandon(pid_t pid) noexcept {
  // Without memory it stays a zombie, which its parent's end removes.
  static_cast<void>(add(nullptr, pid));
}

void Children::reap_abandoned() noexcept {
  const int errno_before = errno;
  const Locked locked;
  for (Child** link = &first; *link != nullptr;) {
    Child* child = *link;
    if (child->file != nullptr || ::waitpid(child->pid, nullptr, WNOHANG) == 0) {
      link = &child->next;
      continue;
    }
    *link = child->next;
    delete child;
  }
  errno = errno_before;
}

}  // namespace runtime::preload
