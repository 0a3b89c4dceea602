#pragma once

#include <cerrno>
#include <type_traits>
#include <utility>

#include <runtime/blocking.hpp>
#include <runtime/scope.hpp>

namespace runtime::preload {

/// Runs a call that blocks on a pool thread while the fiber parks, and returns what it returned, with its errno. Not cut
/// short by cancellation: the call may use the caller's memory. When the pool takes nothing (it is shut down, or no thread
/// can be made) it runs here.
///
/// `call` must not throw.
template <class F>
auto on_pool(F call) noexcept -> decltype(call()) {
  decltype(call()) result{};
  int error = errno;
  bool has_run = false;
  try {
    runtime::shield([&] {
      runtime::offload([&] {
        has_run = true;
        errno = error;
        result = call();
        error = errno;
      });
    });
  } catch (...) {
    // shut_down, or no memory for the job: what it says is that the pool has not run it.
  }
  if (!has_run) return call();
  errno = error;
  return result;
}

}  // namespace runtime::preload
