// client_work: unmodified client libraries in fibers, against real servers.
//
//     client_work [--SERVER=WHERE]... LIBRARY N            N rounds at the same time
//     client_work [--SERVER=WHERE]... mixed N              N rounds of each of the four great ones
//     client_work [--SERVER=WHERE]... cost N               N requests with hiredis, on threads and in fibers
//     client_work errors N                                 N fibers, each with an error of OpenSSL's
//     client_work [--SERVER=WHERE]... cancel LIBRARY,...   a call of each that is cancelled in the middle
//     client_work [--SERVER=WHERE]... timeout LIBRARY,...  a call of each with a timeout around it
//     client_work [--SERVER=WHERE]... sweep LIBRARY,...    rounds of each that are cancelled at any moment
//
// Every answer is checked. Ends with 0 if all was right, 1 with a sentence if not, 2 if it was called wrongly.

#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <curl/curl.h>
#include <libssh2.h>
#include <mysql.h>

#include <runtime/runtime.hpp>

#include "fan_out.hpp"
#include "openssl_errors.hpp"
#include "redis_cost.hpp"
#include "web_files.hpp"
#include "work.hpp"

namespace {

using namespace clients;

std::vector<Library> all_libraries() {
  return {postgres_library(), redis_library(), mariadb_library(), http_library(),  https_library(),
          openssl_library(),  ssh_library(),   ldap_library(),    cares_library(), sqlite_library()};
}

Library find(std::string_view name) {
  for (const Library& library : all_libraries()) {
    if (library.name == name) return library;
  }
  throw std::invalid_argument("no library is called \"" + std::string(name) + "\"");
}

const std::map<std::string_view, std::string Servers::*> kTexts{
    {"--postgres", &Servers::postgres},
    {"--mariadb-user", &Servers::mariadb_user},
    {"--mariadb-password", &Servers::mariadb_password},
    {"--http", &Servers::http},
    {"--https", &Servers::https},
    {"--ca", &Servers::ca},
    {"--ssh-user", &Servers::ssh_user},
    {"--ssh-key", &Servers::ssh_key},
    {"--ldap", &Servers::ldap},
    {"--ldap-base", &Servers::ldap_base},
    {"--sqlite", &Servers::sqlite},
};

const std::map<std::string_view, int Servers::*> kPorts{
    {"--redis", &Servers::redis},
    {"--mariadb", &Servers::mariadb},
    {"--ssh", &Servers::ssh},
    {"--dns", &Servers::dns},
};

void set(Servers& servers, const std::string& name, const std::string& value) {
  if (const auto text = kTexts.find(name); text != kTexts.end()) {
    servers.*(text->second) = value;
  } else if (const auto port = kPorts.find(name); port != kPorts.end()) {
    servers.*(port->second) = std::stoi(value);
  } else if (name == "--manifest") {
    servers.files = read_manifest(value);
  } else {
    throw std::invalid_argument("no option is called \"" + name + "\"");
  }
}

// What these libraries ask of a program before it has threads, and what Unix asks of one with sockets.
void initialize_libraries() {
  std::signal(SIGPIPE, SIG_IGN);
  if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) throw std::runtime_error("curl_global_init fails");
  if (mysql_library_init(0, nullptr, nullptr) != 0) throw std::runtime_error("mysql_library_init fails");
  if (libssh2_init(0) != 0) throw std::runtime_error("libssh2_init fails");
}

std::vector<Library> find_all(const std::string& names) {
  std::vector<Library> found;
  std::istringstream list(names);
  for (std::string name; std::getline(list, name, ',');) found.push_back(find(name));
  return found;
}

bool run_mode(const Servers& servers, std::string_view mode, const std::string& what) {
  runtime::LocalRuntime runtime;
  if (mode == "cancel") return cancel_in_the_middle(runtime, servers, find_all(what));
  if (mode == "timeout") return time_out_in_the_middle(runtime, servers, find_all(what));
  if (mode == "sweep") return cancel_at_any_moment(runtime, servers, find_all(what));
  const int count = std::stoi(what);
  if (mode == "errors") return errors_are_the_fibers_own(runtime, count);
  if (mode == "cost") return compare_cost(runtime, servers, count);
  if (mode != "mixed") return fan_out(runtime, servers, {find(mode)}, count);
  return fan_out(runtime, servers, {postgres_library(), redis_library(), mariadb_library(), https_library()}, count);
}

int run(int argc, char** argv) {
  Servers servers;
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto equals = word.find('=');
    if (word.rfind("--", 0) != 0) {
      words.push_back(word);
    } else if (equals == std::string::npos) {
      throw std::invalid_argument(word + " needs =VALUE");
    } else {
      set(servers, word.substr(0, equals), word.substr(equals + 1));
    }
  }
  if (words.size() != 2) throw std::invalid_argument("usage: client_work [--SERVER=WHERE]... MODE N|LIBRARY");
  initialize_libraries();
  return run_mode(servers, words[0], words[1]) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "client_work: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "client_work: %s\n", error.what());
    return 1;
  }
}
