// OpenSSL alone: a blocking socket BIO, TLS over it, and HTTP by hand.

#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "web_files.hpp"
#include "work.hpp"

namespace clients {
namespace {

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Connection = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

// The oldest error in the queue of this thread or, with the preload library, of this fiber.
std::string reason() {
  const unsigned long code = ERR_get_error();
  if (code == 0) return "the connection ends";
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

Context make_context(const Servers& servers) {
  Context context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context) throw Wrong("SSL_CTX_new: " + reason());
  if (SSL_CTX_load_verify_locations(context.get(), servers.ca.c_str(), nullptr) != 1) {
    throw Wrong(servers.ca + ": " + reason());
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

Connection connect(const Servers& servers, SSL_CTX* context) {
  Connection connection(BIO_new_ssl_connect(context), BIO_free_all);
  if (!connection) throw Wrong("BIO_new_ssl_connect: " + reason());
  SSL* ssl = nullptr;
  BIO_get_ssl(connection.get(), &ssl);
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "127.0.0.1");
  const std::string address = servers.https.substr(servers.https.find("://") + 3);
  BIO_set_conn_hostname(connection.get(), address.c_str());
  if (BIO_do_connect(connection.get()) != 1) throw Wrong("BIO_do_connect: " + reason());
  return connection;
}

void ask(BIO* connection, const std::string& path) {
  const std::string request = "GET " + path + " HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
  const int size = static_cast<int>(request.size());
  if (BIO_write(connection, request.data(), size) != size) throw Wrong("BIO_write: " + reason());
}

// Reads up to the end of the file or an error, and hands the pieces on. Returns what ended it; 0: the end.
template <class Take>
int read_all(BIO* connection, const Take& take) {
  std::array<char, 16'384> buffer{};
  for (;;) {
    const int count = BIO_read(connection, buffer.data(), static_cast<int>(buffer.size()));
    if (count <= 0) return count;
    take(buffer.data(), static_cast<std::size_t>(count));
  }
}

std::string version() { return OpenSSL_version(OPENSSL_VERSION_STRING); }

void work(const Servers& servers, int number) {
  const WebFile& file = web_file(servers, number);
  const Context context = make_context(servers);
  const Connection connection = connect(servers, context.get());
  ask(connection.get(), file.path);
  std::string answer;
  const int end = read_all(connection.get(), [&](const char* data, std::size_t size) { answer.append(data, size); });
  if (end < 0) throw Wrong("BIO_read: " + reason());
  const std::size_t head = answer.find("\r\n\r\n");
  if (head == std::string::npos) throw Wrong(file.path + ": no answer");
  Digest digest;
  digest.add(answer.data() + head + 4, answer.size() - head - 4);
  digest.expect(file);
}

std::string hang(const Servers& servers) {
  const Context context = make_context(servers);
  const Connection connection = connect(servers, context.get());
  ask(connection.get(), "/slow/file");
  std::size_t received = 0;
  const int end = read_all(connection.get(), [&](const char*, std::size_t size) { received += size; });
  if (end < 0) return "BIO_read: " + reason();
  return received > 1'048'576 ? std::string() : "the answer is cut off";
}

}  // namespace

Library openssl_library() { return {"openssl", version, work, hang}; }

}  // namespace clients
