// libmariadb: SELECT SLEEP, over TCP and with a password.

#include <memory>
#include <string>

#include <mysql.h>

#include "work.hpp"

namespace clients {
namespace {

using Connection = std::unique_ptr<MYSQL, decltype(&mysql_close)>;
using Result = std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)>;

Connection connect(const Servers& servers) {
  Connection connection(mysql_init(nullptr), mysql_close);
  if (!connection) throw Wrong("mysql_init: no memory");
  const unsigned int protocol = MYSQL_PROTOCOL_TCP;
  mysql_options(connection.get(), MYSQL_OPT_PROTOCOL, &protocol);
  if (mysql_real_connect(connection.get(), "127.0.0.1", servers.mariadb_user.c_str(), servers.mariadb_password.c_str(),
                         "tests", static_cast<unsigned int>(servers.mariadb), nullptr, 0) == nullptr) {
    throw Wrong(std::string("mysql_real_connect: ") + mysql_error(connection.get()));
  }
  return connection;
}

std::string version() { return mysql_get_client_info(); }

void work(const Servers& servers, int number) {
  const Connection connection = connect(servers);
  const std::string query = "SELECT SLEEP(0.5), " + std::to_string(number);
  if (mysql_query(connection.get(), query.c_str()) != 0) {
    throw Wrong(std::string("mysql_query: ") + mysql_error(connection.get()));
  }
  const Result result(mysql_store_result(connection.get()), mysql_free_result);
  if (!result) throw Wrong(std::string("mysql_store_result: ") + mysql_error(connection.get()));
  const MYSQL_ROW row = mysql_fetch_row(result.get());
  if (row == nullptr || row[0] == nullptr || row[1] == nullptr) throw Wrong("mysql_fetch_row: no row");
  if (std::string("0") != row[0]) throw Wrong("SLEEP was interrupted");
  if (std::to_string(number) != row[1]) throw Wrong("asked for " + std::to_string(number) + ", got " + row[1]);
}

std::string hang(const Servers& servers) {
  const Connection connection = connect(servers);
  if (mysql_query(connection.get(), "SELECT SLEEP(30)") != 0) {
    return std::string("mysql_query: ") + mysql_error(connection.get());
  }
  const Result result(mysql_store_result(connection.get()), mysql_free_result);
  return result ? std::string() : std::string("mysql_store_result: ") + mysql_error(connection.get());
}

}  // namespace

Library mariadb_library() { return {"mariadb", version, work, hang}; }

}  // namespace clients
