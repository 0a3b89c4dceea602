#pragma once

#include "preload/visit.hpp"

namespace runtime::preload {

/// A call that never waits, but ends the waits of others: it does the same on fibers and elsewhere. On a fiber it is a
/// visit, so that what it calls is not taken for a call of the program.
template <class Function>
auto release(const void* caller, Call& call, Function function) noexcept -> decltype(function()) {
  if (runtime_companion_words* fiber = runtime_companion_here(); fiber != nullptr) {
    const Visit visit(*fiber, caller, call);
    return function();
  }
  return function();
}

}  // namespace runtime::preload
