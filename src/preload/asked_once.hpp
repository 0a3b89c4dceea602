#pragma once

#include <atomic>

namespace runtime::preload {

/// The answer of ask(), asked at the first use. It may be asked by several threads at once, who get the same answer: a
/// guarded static would be among our own names.
template <bool (*ask)() noexcept>
bool asked_once() noexcept {
  enum Answer : unsigned char { unasked, yes, no };
  static constinit std::atomic<Answer> answer = unasked;
  if (answer.load(std::memory_order_relaxed) == unasked) answer.store(ask() ? yes : no, std::memory_order_relaxed);
  return answer.load(std::memory_order_relaxed) == yes;
}

}  // namespace runtime::preload
