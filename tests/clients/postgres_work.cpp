// libpq: a query that takes half a second, and one that takes half a minute.

#include <memory>
#include <string>

#include <libpq-fe.h>

#include "work.hpp"

namespace clients {
namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

Connection connect(const Servers& servers) {
  Connection connection(PQconnectdb(servers.postgres.c_str()), PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    throw Wrong(std::string("PQconnectdb: ") + PQerrorMessage(connection.get()));
  }
  return connection;
}

std::string version() {
  const int number = PQlibVersion();
  return std::to_string(number / 10000) + "." + std::to_string(number % 10000);
}

void work(const Servers& servers, int number) {
  const Connection connection = connect(servers);
  const std::string query = "select pg_sleep(0.5), " + std::to_string(number);
  const Result result(PQexec(connection.get(), query.c_str()), PQclear);
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) {
    throw Wrong(std::string("PQexec: ") + PQerrorMessage(connection.get()));
  }
  const std::string answer = PQgetvalue(result.get(), 0, 1);
  if (answer != std::to_string(number)) throw Wrong("asked for " + std::to_string(number) + ", got " + answer);
}

std::string hang(const Servers& servers) {
  const Connection connection = connect(servers);
  const Result result(PQexec(connection.get(), "select pg_sleep(30)"), PQclear);
  if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) return {};
  return std::string("PQexec: ") + PQerrorMessage(connection.get());
}

}  // namespace

Library postgres_library() { return {"postgres", version, work, hang}; }

}  // namespace clients
