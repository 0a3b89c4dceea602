#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <runtime/runtime.hpp>

namespace examples {

/// What is said: one text for all who get it.
using Line = std::shared_ptr<const std::string>;

/// Somebody in the room, as the room knows him.
struct Member {
  std::string nick;
  runtime::sync::mpsc::Sender<Line> mailbox;
  runtime::sync::Notify dropped;  // told when the room has given him up
};

/// Hands what one says to everybody, the speaker included.
///
/// Each member has a mailbox of kMailbox lines. Whoever speaks waits for those whose mailbox is full, so that nobody
/// who reads misses a line, and lines of one speaker keep their order; but not longer than `patience`: who has made no
/// room by then is dropped. So a reader that stands still costs kMailbox lines of memory, and the others one short
/// pause.
///
/// Thread safety: the fibers of one thread, hence no lock.
class ChatRoom final {
 public:
  static constexpr std::size_t kMailbox = 64;

  explicit ChatRoom(std::chrono::milliseconds patience) : patience_(patience) {}

  /// Null if the name is taken.
  std::shared_ptr<Member> join(const std::string& nick, runtime::sync::mpsc::Sender<Line> mailbox);
  /// Does nothing for one who was dropped.
  void leave(const Member& member) noexcept;

  /// Parks: while somebody's mailbox is full, at most for the patience.
  void say(std::string text);

  /// "ann, bob", in the order of the alphabet.
  std::string names() const;

 private:
  const std::chrono::milliseconds patience_;
  std::map<std::string, std::shared_ptr<Member>, std::less<>> members_;  // by nick
};

}  // namespace examples
