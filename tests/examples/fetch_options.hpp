#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace examples {

/// What the command line of fetch_all says.
struct FetchOptions {
  std::size_t fibers = 100;
  std::string directory = ".";
  std::chrono::milliseconds silence = std::chrono::seconds(30);
  std::string list = "-";  // the file with the URLs; "-" is standard input
};

/// What --help prints.
extern const char* const kFetchUsage;

/// Throws: std::invalid_argument with a sentence for the user.
FetchOptions parse_fetch_options(int argc, char** argv);

/// The URLs of a list: one on a line; blank lines and lines that begin with '#' are left out.
///
/// Throws: std::invalid_argument if the list cannot be read or has no URL in it.
std::vector<std::string> read_url_list(const std::string& list);

/// Throws: std::invalid_argument unless files can be made in the directory, which is tried with a real one.
void check_directory(const std::string& directory);

/// The name under which the URL at this place of the list (counted from 0) is saved: "0007-index.html".
///
/// The number keeps URLs that end alike apart, and the files in the order of the list.
std::string file_name_for(std::size_t place, std::size_t urls, const std::string& url);

}  // namespace examples
