// libcurl's easy interface: downloads with and without TLS, each with a handle of its own.

#include <cstddef>
#include <memory>
#include <string>

#include <curl/curl.h>

#include "web_files.hpp"
#include "work.hpp"

namespace clients {
namespace {

using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

std::size_t add_to_digest(char* data, std::size_t size, std::size_t count, void* digest) {
  static_cast<Digest*>(digest)->add(data, size * count);
  return size * count;
}

std::size_t ignore(char*, std::size_t size, std::size_t count, void*) { return size * count; }

Handle open(const Servers& servers, const std::string& url) {
  Handle handle(curl_easy_init(), curl_easy_cleanup);
  if (!handle) throw Wrong("curl_easy_init fails");
  curl_easy_setopt(handle.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_CAINFO, servers.ca.c_str());
  curl_easy_setopt(handle.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
  return handle;
}

std::string version() { return curl_version_info(CURLVERSION_NOW)->version; }

void download(const Servers& servers, const std::string& server, int number) {
  const WebFile& file = web_file(servers, number);
  Digest digest;
  const Handle handle = open(servers, server + file.path);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, add_to_digest);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &digest);
  const CURLcode code = curl_easy_perform(handle.get());
  if (code != CURLE_OK) throw Wrong(file.path + ": " + curl_easy_strerror(code));
  digest.expect(file);
}

std::string download_slowly(const Servers& servers, const std::string& server) {
  const Handle handle = open(servers, server + "/slow/file");
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, ignore);
  const CURLcode code = curl_easy_perform(handle.get());
  return code == CURLE_OK ? std::string() : std::string("curl_easy_perform: ") + curl_easy_strerror(code);
}

}  // namespace

Library http_library() {
  return {"http", version, [](const Servers& servers, int number) { download(servers, servers.http, number); },
          [](const Servers& servers) { return download_slowly(servers, servers.http); }};
}

Library https_library() {
  return {"https", version, [](const Servers& servers, int number) { download(servers, servers.https, number); },
          [](const Servers& servers) { return download_slowly(servers, servers.https); }};
}

}  // namespace clients
