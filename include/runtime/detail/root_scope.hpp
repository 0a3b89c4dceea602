#pragma once

#include <runtime/export.hpp>

namespace runtime {
inline namespace v1 {
namespace detail {

class Inner;

/// While it lives, the calling code is the root of block_on: a fiber for waiting, on the caller's own stack.
///
/// Throws (constructor): Error wrong_thread, nested_block_on, shut_down.
/// Thread safety: owner thread.
class RUNTIME_API RootScope final {
 public:
  explicit RootScope(Inner* inner);
  RootScope(const RootScope&) = delete;
  RootScope& operator=(const RootScope&) = delete;
  ~RootScope();

 private:
  Inner* inner_;
};

}  // namespace detail
}  // namespace v1
}  // namespace runtime
