#pragma once

namespace runtime::inline v1::base {

/// For waiting, without a lock or a word to sleep on, until another thread has done its next few instructions: first
/// with the processor, then giving it way, then in naps of 50 us, since a thread of lower real-time priority gets no
/// processor from a yield.
class Backoff final {
 public:
  void pause() noexcept;

 private:
  int round_ = 0;
};

}  // namespace runtime::inline v1::base
