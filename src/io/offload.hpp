#pragma once

namespace runtime::inline v1::io {

/// Runs fn(arg) on the pool of the caller's runtime and parks until it has returned, also when the caller is cancelled
/// meanwhile: fn may borrow the caller's frame. On a fiber only.
///
/// errno of the pool thread after fn is the caller's afterwards.
/// 0; ECANCELED: the pool is closed and did not run it; another errno: no thread could be created.
int offload(void (*fn)(void*) noexcept, void* arg) noexcept;
/// The same for what must not be lost once the pool has taken it: a shutdown does not cancel it while it is queued.
int offload_mandatory(void (*fn)(void*) noexcept, void* arg) noexcept;

/// Work that can be left behind: it owns all it needs.
class DetachedJob {
 public:
  virtual void run() noexcept = 0;      // pool thread
  virtual void release() noexcept = 0;  // once, when nobody needs it any more; any thread

 protected:
  ~DetachedJob() = default;
};

/// The same for work that need not be waited for. 0: it has run. ECANCELED: the caller was cancelled, or the pool is
/// closed; another errno: no thread. After anything but 0 the caller may not touch the job again; after 0 it calls
/// release() itself.
int offload_detachable(DetachedJob& job) noexcept;

}  // namespace runtime::inline v1::io
