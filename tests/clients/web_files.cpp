#include "web_files.hpp"

#include <array>
#include <cstdio>
#include <fstream>

namespace clients {

std::vector<WebFile> read_manifest(const std::string& path) {
  std::ifstream manifest(path);
  std::vector<WebFile> files;
  for (WebFile file; manifest >> file.path >> file.digest >> file.size;) files.push_back(file);
  if (files.empty()) throw Wrong("the manifest \"" + path + "\" lists no file");
  return files;
}

const WebFile& web_file(const Servers& servers, int number) {
  if (servers.files.empty()) throw Wrong("no --manifest was given");
  return servers.files[static_cast<std::size_t>(number) % servers.files.size()];
}

Digest::Digest() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) throw Wrong("no SHA-256");
}

void Digest::add(const void* data, std::size_t size) {
  if (EVP_DigestUpdate(context_.get(), data, size) != 1) throw Wrong("EVP_DigestUpdate fails");
  size_ += size;
}

void Digest::expect(const WebFile& file) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned int length = 0;
  if (EVP_DigestFinal_ex(context_.get(), value.data(), &length) != 1) throw Wrong("EVP_DigestFinal_ex fails");
  std::string text;
  for (unsigned int i = 0; i < length; ++i) {
    std::array<char, 3> byte{};
    std::snprintf(byte.data(), byte.size(), "%02x", value[i]);
    text += byte.data();
  }
  if (size_ != file.size || text != file.digest) {
    throw Wrong(file.path + ": " + std::to_string(size_) + " bytes with the digest " + text + ", not " +
                std::to_string(file.size) + " with " + file.digest);
  }
}

}  // namespace clients
