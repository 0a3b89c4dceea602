// libldap: a simple bind and a search.

#include <array>
#include <memory>
#include <string>

#include <lber.h>
#include <ldap.h>

#include "silent_server.hpp"
#include "work.hpp"

namespace clients {
namespace {

struct Free {
  void operator()(LDAP* connection) const { ldap_unbind_ext_s(connection, nullptr, nullptr); }
  void operator()(LDAPMessage* message) const { ldap_msgfree(message); }
  void operator()(berval** values) const { ldap_value_free_len(values); }
};

void expect(int code, const char* call) {
  if (code != LDAP_SUCCESS) throw Wrong(std::string(call) + ": " + ldap_err2string(code));
}

std::string version() {
  LDAPAPIInfo info{};
  info.ldapai_info_version = LDAP_API_INFO_VERSION;
  expect(ldap_get_option(nullptr, LDAP_OPT_API_INFO, &info), "ldap_get_option");
  const int number = info.ldapai_vendor_version;
  ldap_memfree(info.ldapai_vendor_name);
  for (char** name = info.ldapai_extensions; name != nullptr && *name != nullptr; ++name) ldap_memfree(*name);
  ldap_memfree(info.ldapai_extensions);
  return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
}

using Connection = std::unique_ptr<LDAP, Free>;

Connection open(const std::string& url) {
  LDAP* raw = nullptr;
  expect(ldap_initialize(&raw, url.c_str()), "ldap_initialize");
  Connection connection(raw);
  const int protocol = LDAP_VERSION3;
  expect(ldap_set_option(raw, LDAP_OPT_PROTOCOL_VERSION, &protocol), "ldap_set_option");
  return connection;
}

int bind_anonymously(LDAP* connection) {
  berval nobody{};
  return ldap_sasl_bind_s(connection, nullptr, LDAP_SASL_SIMPLE, &nobody, nullptr, nullptr, nullptr);
}

void work(const Servers& servers, int number) {
  const Connection connection = open(servers.ldap);
  LDAP* const raw = connection.get();
  expect(bind_anonymously(raw), "ldap_sasl_bind_s");

  const std::string filter = "(cn=entry-" + std::to_string(number % 100) + ")";
  char attribute[] = "description";
  std::array<char*, 2> attributes{attribute, nullptr};
  LDAPMessage* found = nullptr;
  const int code = ldap_search_ext_s(raw, servers.ldap_base.c_str(), LDAP_SCOPE_SUBTREE, filter.c_str(),
                                     attributes.data(), 0, nullptr, nullptr, nullptr, LDAP_NO_LIMIT, &found);
  const std::unique_ptr<LDAPMessage, Free> result(found);
  expect(code, "ldap_search_ext_s");
  LDAPMessage* entry = ldap_first_entry(raw, found);
  if (entry == nullptr) throw Wrong(filter + ": not found");
  const std::unique_ptr<berval*, Free> values(ldap_get_values_len(raw, entry, attribute));
  if (!values || values.get()[0] == nullptr) throw Wrong(filter + ": no description");
  const std::string answer(values.get()[0]->bv_val, values.get()[0]->bv_len);
  if (answer != "number " + std::to_string(number % 100)) throw Wrong(filter + ": \"" + answer + "\"");
}

std::string hang(const Servers&) {
  const SilentServer silent(SOCK_STREAM);
  const Connection connection = open("ldap://127.0.0.1:" + std::to_string(silent.port()));
  const int code = bind_anonymously(connection.get());
  return code == LDAP_SUCCESS ? std::string() : std::string("ldap_sasl_bind_s: ") + ldap_err2string(code);
}

}  // namespace

Library ldap_library() { return {"ldap", version, work, hang}; }

}  // namespace clients
