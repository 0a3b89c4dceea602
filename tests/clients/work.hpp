// What each client library is asked to do: blocking calls, written as for a thread of their own.
//
// Nothing here knows of fibers. client_work.cpp calls these functions in tasks, and the preload library makes
// what blocks in them wait in its fiber only.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace clients {

// A file of the web servers, whose content is known by its digest.
struct WebFile {
  std::string path;
  std::string digest;  // SHA-256 in lower-case hexadecimal
  std::size_t size = 0;
};

// Where the servers are, as the command line says.
struct Servers {
  std::string postgres;  // a conninfo
  int redis = 0;         // ports on 127.0.0.1
  int mariadb = 0;
  std::string mariadb_user;
  std::string mariadb_password;
  std::string http;  // URLs without a path
  std::string https;
  std::string ca;              // the file with the certificate that signs for `https`
  std::vector<WebFile> files;  // what is on both web servers
  int ssh = 0;
  std::string ssh_user;
  std::string ssh_key;  // the file with the private key
  std::string ldap;     // a URL
  std::string ldap_base;
  int dns = 0;
  std::string sqlite;  // a database file
};

// Something came back that is not what the server was asked for.
class Wrong : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A client library at work.
struct Library {
  const char* name;
  std::string (*version)();

  // Does one round from connecting to closing, with an answer that belongs to `number`.
  // Throws: Wrong, with the library's own words, if any call fails or the answer is another's.
  void (*work)(const Servers& servers, int number);

  // A call that takes half a minute if nobody ends it. Returns the library's error, never an empty one, or an
  // empty string if the call had the face to succeed.
  std::string (*hang)(const Servers& servers);
};

Library postgres_library();
Library redis_library();
Library mariadb_library();
Library http_library();
Library https_library();
Library openssl_library();
Library ssh_library();
Library ldap_library();
Library cares_library();
Library sqlite_library();

}  // namespace clients
