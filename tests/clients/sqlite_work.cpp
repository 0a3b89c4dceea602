// SQLite: writers of one database, who wait for one another in SQLite's own busy handler.

#include <memory>
#include <string>

#include <sqlite3.h>
#include <unistd.h>

#include "work.hpp"

namespace clients {
namespace {

using Database = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;

// Runs SQL; returns the first column of its last row.
std::string execute(sqlite3* database, const std::string& sql) {
  std::string answer;
  char* message = nullptr;
  const auto keep = [](void* to, int count, char** values, char**) {
    if (count > 0 && values[0] != nullptr) *static_cast<std::string*>(to) = values[0];
    return 0;
  };
  if (sqlite3_exec(database, sql.c_str(), keep, &answer, &message) != SQLITE_OK) {
    const std::string text = message == nullptr ? sqlite3_errmsg(database) : message;
    sqlite3_free(message);
    throw Wrong(sql + ": " + text);
  }
  return answer;
}

std::string version() { return sqlite3_libversion(); }

Database open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open(path.c_str(), &raw);
  Database database(raw, sqlite3_close);
  if (code != SQLITE_OK) throw Wrong(path + ": " + sqlite3_errmsg(raw));
  sqlite3_busy_timeout(raw, 30'000);
  return database;
}

void work(const Servers& servers, int number) {
  const Database database = open(servers.sqlite);
  sqlite3* const raw = database.get();
  execute(raw, "PRAGMA synchronous = OFF");
  execute(raw, "CREATE TABLE IF NOT EXISTS notes (writer INTEGER, note INTEGER)");
  for (int note = 0; note < 5; ++note) {
    execute(raw, "BEGIN IMMEDIATE");
    const int before = std::stoi(execute(raw, "SELECT count(*) FROM notes"));
    execute(raw, "INSERT INTO notes VALUES (" + std::to_string(number) + ", " + std::to_string(note) + ")");
    ::usleep(5'000);  // the others find it locked
    const int after = std::stoi(execute(raw, "SELECT count(*) FROM notes"));
    execute(raw, "COMMIT");
    if (after != before + 1) throw Wrong("another wrote in the middle of a transaction");
  }
}

// SQLite's busy handler sleeps again and again, up to the time it was given. A sleep that is cancelled returns at
// once, and so does each that follows: the handler is soon through with its time.
std::string hang(const Servers& servers) {
  const Database holder = open(servers.sqlite);
  const Database waiter = open(servers.sqlite);
  execute(holder.get(), "BEGIN EXCLUSIVE");
  try {
    execute(waiter.get(), "BEGIN IMMEDIATE");
  } catch (const Wrong& error) {
    return error.what();
  }
  return {};
}

}  // namespace

Library sqlite_library() { return {"sqlite", version, work, hang}; }

}  // namespace clients
