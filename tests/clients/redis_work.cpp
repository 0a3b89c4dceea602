// hiredis: BLPOP waits for what another connection pushes half a second later.

#include <memory>
#include <string>

#include <unistd.h>

#include <hiredis.h>

#include <runtime/runtime.hpp>

#include "work.hpp"

namespace clients {
namespace {

struct Free {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Connection = std::unique_ptr<redisContext, Free>;
using Reply = std::unique_ptr<redisReply, Free>;

Connection connect(const Servers& servers) {
  Connection connection(redisConnect("127.0.0.1", servers.redis));
  if (!connection) throw Wrong("redisConnect: no memory");
  if (connection->err != 0) throw Wrong(std::string("redisConnect: ") + connection->errstr);
  return connection;
}

// The words of a command, one %s each: an empty reply is an error of the connection.
template <class... Arguments>
Reply command(redisContext* connection, const char* format, Arguments... arguments) {
  Reply reply(static_cast<redisReply*>(redisCommand(connection, format, arguments...)));
  if (!reply) throw Wrong(std::string(format) + ": " + connection->errstr);
  if (reply->type == REDIS_REPLY_ERROR) throw Wrong(std::string(format) + ": " + reply->str);
  return reply;
}

std::string version() {
  return std::to_string(HIREDIS_MAJOR) + "." + std::to_string(HIREDIS_MINOR) + "." + std::to_string(HIREDIS_PATCH);
}

void push_later(const Servers& servers, const std::string& list, const std::string& value) {
  const Connection connection = connect(servers);
  ::usleep(500'000);
  command(connection.get(), "LPUSH %s %s", list.c_str(), value.c_str());
}

void work(const Servers& servers, int number) {
  const std::string list = "list-" + std::to_string(number);
  const std::string value = "value " + std::to_string(number);
  auto pusher = runtime::spawn_local([&servers, list, value] { push_later(servers, list, value); });
  const Connection connection = connect(servers);
  const Reply reply = command(connection.get(), "BLPOP %s %s", list.c_str(), "20");
  pusher.join();
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) throw Wrong("BLPOP: no value for " + list);
  if (list != reply->element[0]->str) throw Wrong("BLPOP: asked for " + list + ", got " + reply->element[0]->str);
  if (value != reply->element[1]->str) throw Wrong("BLPOP: not \"" + value + "\" but " + reply->element[1]->str);
}

std::string hang(const Servers& servers) {
  const Connection connection = connect(servers);
  const Reply reply(static_cast<redisReply*>(redisCommand(connection.get(), "BLPOP nobody-pushes-here 30")));
  return reply ? std::string() : std::string("BLPOP: ") + connection->errstr;
}

}  // namespace

Library redis_library() { return {"redis", version, work, hang}; }

}  // namespace clients
