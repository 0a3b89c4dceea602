// chat_server: a room on a TCP port, for people with nc. One thread, some fibers for each of them.

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <sys/socket.h>

#include <runtime/runtime.hpp>

#include "chat_room.hpp"
#include "command_line.hpp"
#include "tcp_server.hpp"
#include "text.hpp"

namespace {

using examples::ChatRoom;
using examples::Line;
using examples::Member;
namespace io = runtime::io;
namespace net = runtime::net;
namespace sync = runtime::sync;

constexpr const char* kUsage =
    "usage: chat_server [--listen HOST:PORT] [--patience MS] [--most PEOPLE]\n"
    "\n"
    "A chat room, until Ctrl-C. The first line that somebody sends is his name, and\n"
    "everything after it is told to all. It prints its address when it is ready.\n"
    "\n"
    "  --listen HOST:PORT   where to listen; port 0: one that is free\n"
    "                       (default 127.0.0.1:0)\n"
    "  --patience MS        how long the others wait for one who does not read\n"
    "                       before he is dropped (default 1000)\n"
    "  --most PEOPLE        at a time; more have to wait (default 1000)\n"
    "  -h, --help           print this\n"
    "\n"
    "Join with: nc HOST PORT\n";

constexpr std::size_t kLongestLine = 1024;
constexpr std::size_t kLongestNick = 16;
constexpr std::chrono::milliseconds kFarewell(500);  // for those who have to go, to read why

// Why the server wants somebody to go: what he is told, and what the others are.
struct ShownOut {
  const char* to_him;
  const char* to_others;
};

using Lines = io::BufReader<const net::TcpStream&>;

std::optional<std::string> next_line(Lines& lines) {
  try {
    return lines.read_line(kLongestLine);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::message_size) throw;
    throw ShownOut{"a line has at most 1024 bytes", "a line that was too long"};
  }
}

bool is_nick(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  return !text.empty() && text.size() <= kLongestNick && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

// Asks until there is a name that nobody else has. Null: he has gone.
std::shared_ptr<Member> come_in(ChatRoom& room, const net::TcpStream& stream, Lines& lines,
                                const sync::mpsc::Sender<Line>& mailbox) {
  stream.write_all("* your name?\n");
  while (const auto nick = next_line(lines)) {
    if (!is_nick(*nick)) {
      stream.write_all("* a name is 1 to 16 letters, digits, - and _. your name?\n");
    } else if (auto member = room.join(*nick, mailbox)) {
      return member;
    } else {
      stream.write_all("* that name is taken. your name?\n");
    }
  }
  return nullptr;
}

// Talks and listens until he closes his end. Throws: ShownOut; std::system_error when the connection breaks.
void talk(ChatRoom& room, Member& member, const net::TcpStream& stream, Lines& lines,
          sync::mpsc::Receiver<Line>& mailbox) {
  runtime::scope([&](runtime::Scope& here) {
    auto reading_to_him = here.spawn([&] {
      while (const auto line = mailbox.recv()) stream.write_all(**line);
    });
    here.spawn([&] {
      member.dropped.notified();
      throw ShownOut{"you do not read: you were dropped", "too slow, dropped"};
    });
    room.say("* " + member.nick + " is here. now: " + room.names());
    while (const auto line = next_line(lines)) {
      room.say(member.nick + ": " + examples::printable(*line, kLongestLine));
    }
    mailbox.close();  // he may have closed this direction only: he still gets what was said by now
    static_cast<void>(reading_to_him.join_for(kFarewell));
    here.cancel();
  });
}

// Tells him, if he reads, and lets him close first: closing with bytes of his unread would take the text with it.
void say_goodbye(const net::TcpStream& stream, const char* text) {
  try {
    runtime::timeout(kFarewell, [&] {
      stream.write_all(std::string("\n* ") + text + "\n");
      stream.shutdown(SHUT_WR);
      char rest[1024];
      while (stream.read(rest, sizeof rest) > 0) {
      }
    });
  } catch (const runtime::Elapsed&) {   // he does not read, or does not go: then without his help
  } catch (const std::system_error&) {  // he has gone
  }
}

// One connection from its first line to its last.
void serve(ChatRoom& room, const net::TcpStream& stream, const std::string& peer) {
  auto [to_him, mailbox] = sync::mpsc::channel<Line>(ChatRoom::kMailbox);
  std::shared_ptr<Member> member;
  ShownOut why{nullptr, nullptr};
  try {
    Lines lines(stream);
    member = come_in(room, stream, lines, to_him);
    if (member) talk(room, *member, stream, lines, mailbox);
  } catch (const ShownOut& thrown) {
    why = thrown;
  } catch (const runtime::Cancelled&) {
    // A cancelled task can wait no more, except in a shield.
    runtime::shield([&] { say_goodbye(stream, "the server is closing"); });
    throw;
  } catch (const std::system_error& error) {
    why.to_others = "connection lost";
    std::fprintf(stderr, "chat_server: %s: %s\n", peer.c_str(), error.what());
  }
  mailbox.close();
  if (member) {
    room.leave(*member);
    room.say("* " + member->nick + " has gone" + (why.to_others != nullptr ? std::string(": ") + why.to_others : ""));
  }
  if (why.to_him != nullptr) say_goodbye(stream, why.to_him);
}

int run(int argc, char** argv) {
  std::string listen = "127.0.0.1:0";
  std::chrono::milliseconds patience(1000);
  std::size_t most = 1000;
  const auto set_patience = [&](const char* text) {
    patience = std::chrono::milliseconds(examples::number_for_option("--patience", text, 1, 60'000));
  };
  examples::expect_no_words(examples::read_command_line(argc, argv,
      {{"listen", 0, [&](const char* text) { listen = text; }},
       {"patience", 0, set_patience},
       {"most", 0, [&](const char* text) { most = examples::number_for_option("--most", text, 1, 1'000'000); }}}));

  ChatRoom room(patience);
  runtime::run([&] {
    examples::serve_until_ctrl_c(
        listen, most, [&room](net::TcpStream& stream, const std::string& peer) { serve(room, stream, peer); });
  });
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return examples::run_program("chat_server", kUsage, run, argc, argv); }
