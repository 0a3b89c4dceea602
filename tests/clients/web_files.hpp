// The files of the web servers, whose digests are known.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <openssl/evp.h>

#include "work.hpp"

namespace clients {

// Reads a manifest: a line for each file, "PATH SHA-256 SIZE".
// Throws: Wrong, if it lists no file.
std::vector<WebFile> read_manifest(const std::string& path);

// The file that belongs to `number`: they take turns.
const WebFile& web_file(const Servers& servers, int number);

// The SHA-256 of what is added, piece by piece.
class Digest {
 public:
  Digest();
  void add(const void* data, std::size_t size);

  // Throws: Wrong, unless exactly the content of `file` was added.
  void expect(const WebFile& file);

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
  std::size_t size_ = 0;
};

}  // namespace clients
