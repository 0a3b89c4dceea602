#include "chat_room.hpp"

#include <vector>

namespace examples {

namespace {

enum class Delivery { done, too_slow };

Delivery deliver(const Member& member, const Line& line, runtime::time::Clock::time_point deadline) {
  try {
    runtime::timeout_at(deadline, [&] { member.mailbox.send(line); });
  } catch (const runtime::Elapsed&) {
    return Delivery::too_slow;
  } catch (const runtime::Error& error) {
    if (error.code() != runtime::Errc::closed) throw;  // closed: he has left meanwhile
  }
  return Delivery::done;
}

}  // namespace

std::shared_ptr<Member> ChatRoom::join(const std::string& nick, runtime::sync::mpsc::Sender<Line> mailbox) {
  if (members_.count(nick) != 0) return nullptr;
  auto member = std::shared_ptr<Member>(new Member{nick, std::move(mailbox), {}});
  members_.emplace(nick, member);
  return member;
}

void ChatRoom::leave(const Member& member) noexcept {
  const auto found = members_.find(member.nick);
  // A name that was given up may be somebody else's by now.
  if (found != members_.end() && found->second.get() == &member) members_.erase(found);
}

void ChatRoom::say(std::string text) {
  const Line line = std::make_shared<const std::string>(std::move(text) + "\n");
  // Members come and go while this fiber waits, so it waits for none while it looks through them.
  std::vector<std::shared_ptr<Member>> behind;
  for (const auto& [nick, member] : members_) {
    if (!member->mailbox.is_closed() && !member->mailbox.try_send(line)) behind.push_back(member);
  }
  const auto deadline = runtime::time::Clock::now() + patience_;
  for (const auto& member : behind) {
    if (deliver(*member, line, deadline) == Delivery::done) continue;
    leave(*member);
    member->dropped.notify_one();
  }
}

std::string ChatRoom::names() const {
  std::string all;
  for (const auto& [nick, member] : members_) all.append(all.empty() ? "" : ", ").append(nick);
  return all;
}

}  // namespace examples
