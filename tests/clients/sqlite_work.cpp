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

void work(const Servers& servers, int number) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open(servers.sqlite.c_str(), &raw);
  const Database database(raw, sqlite3_close);
  if (code != SQLITE_OK) throw Wrong(servers.sqlite + ": " + sqlite3_errmsg(raw));
  sqlite3_busy_timeout(raw, 20'000);
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

}  // namespace

Library sqlite_library() { return {"sqlite", version, work, nullptr}; }

}  // namespace clients
