#pragma once

#include <cstddef>
#include <string>

#include "measured_child.hpp"

namespace examples {

/// What the demo downloads: `count` paths of a slow_server, each into a file of its own.
struct DemoWork {
  std::string server;     // "http://127.0.0.1:4711"
  std::string directory;  // gets a file "0", "1", … for each download
  std::size_t count = 0;
  std::size_t body_size = 0;

  std::string path(std::size_t item) const { return "/item/" + std::to_string(item); }
  std::string file(std::size_t item) const { return directory + "/" + std::to_string(item); }
};

/// Three ways to call http_download `count` times; the function is the same in all of them.
WorkReport one_after_the_other(const DemoWork& work);
WorkReport on_threads(const DemoWork& work);
WorkReport on_fibers(const DemoWork& work);

/// Compares each downloaded file with what the server should have sent.
///
/// Returns how many are missing or differ.
std::size_t count_wrong_files(const DemoWork& work);

}  // namespace examples
