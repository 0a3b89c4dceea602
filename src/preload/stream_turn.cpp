#include "preload/stream_turn.hpp"

#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <new>

#include <runtime/sync/mutex.hpp>

namespace runtime::preload {

/// In the table for as long as anybody has the turn or waits for it.
struct StreamTurn::Entry {
  FILE* file;
  Side side;
  unsigned users;  // guarded by table_mutex
  Entry* next;     // guarded by table_mutex
  sync::Mutex mutex;
};

namespace {

pthread_mutex_t table_mutex = PTHREAD_MUTEX_INITIALIZER;
StreamTurn::Entry* first = nullptr;  // guarded by table_mutex
std::atomic<unsigned> entries = 0;   // so that who needs no turn takes no lock

StreamTurn::Entry* find(FILE* file, Side side) noexcept {
  StreamTurn::Entry* entry = first;
  while (entry != nullptr && (entry->file != file || entry->side != side)) entry = entry->next;
  return entry;
}

StreamTurn::Entry* join(FILE* file, Side side) noexcept {
  ::pthread_mutex_lock(&table_mutex);
  StreamTurn::Entry* entry = find(file, side);
  if (entry == nullptr) {
    entry = new (std::nothrow) StreamTurn::Entry{file, side, 0, first, {}};
    if (entry != nullptr) {
      first = entry;
      entries.fetch_add(1);
    }
  }
  if (entry != nullptr) ++entry->users;
  ::pthread_mutex_unlock(&table_mutex);
  return entry;
}

void leave(StreamTurn::Entry* entry) noexcept {
  ::pthread_mutex_lock(&table_mutex);
  const bool is_last = --entry->users == 0;
  if (is_last) {
    StreamTurn::Entry** link = &first;
    while (*link != entry) link = &(*link)->next;
    *link = entry->next;
    entries.fetch_sub(1);
  }
  ::pthread_mutex_unlock(&table_mutex);
  if (is_last) delete entry;
}

}  // namespace

StreamTurn::StreamTurn(FILE* file, Side side) noexcept : entry_(join(file, side)) {
  if (entry_ == nullptr) {
    errno = ENOMEM;
    return;
  }
  if (entry_->mutex.try_lock()) return;
  try {
    entry_->mutex.lock();
  } catch (...) {  // Cancelled, which stays due: the call fails as the POSIX-style calls do
    leave(entry_);
    entry_ = nullptr;
    errno = ECANCELED;
  }
}

StreamTurn::~StreamTurn() {
  if (entry_ == nullptr) return;
  const int errno_before = errno;
  entry_->mutex.unlock();
  leave(entry_);
  errno = errno_before;
}

bool StreamTurn::is_taken(FILE* file, Side side) noexcept {
  if (entries.load() == 0) return false;
  ::pthread_mutex_lock(&table_mutex);
  const bool taken = find(file, side) != nullptr;
  ::pthread_mutex_unlock(&table_mutex);
  return taken;
}

}  // namespace runtime::preload
