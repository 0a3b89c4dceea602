#include "fetch_options.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <stdlib.h>
#include <unistd.h>

#include "command_line.hpp"
#include "text.hpp"

namespace examples {

namespace {

[[noreturn]] void reject(const std::string& sentence) { throw std::invalid_argument(sentence); }

std::string last_error() { return std::generic_category().message(errno); }

std::chrono::milliseconds parse_silence(std::string_view text) {
  const double seconds = number_from<double>(text).value_or(0);
  if (!(seconds >= 0.001 && seconds <= 86'400))
    reject("--timeout takes seconds from 0.001 to 86400, not " + quoted(text));
  return std::chrono::milliseconds(static_cast<long long>(seconds * 1000));
}

std::vector<std::string> urls_from(std::istream& lines) {
  std::vector<std::string> urls;
  for (std::string line; std::getline(lines, line);) {
    const std::string_view url = trimmed(line);
    if (!url.empty() && url.front() != '#') urls.emplace_back(url);
  }
  return urls;
}

}  // namespace

const char* const kFetchUsage =
    "usage: fetch_all [-n FIBERS] [-o DIR] [--timeout SECONDS] [URL-FILE|-]\n"
    "\n"
    "Downloads the http:// URLs of a list, one on a line, on one thread: an ordinary\n"
    "blocking download function, called from FIBERS fibers.\n"
    "\n"
    "  -n, --fibers FIBERS      downloads under way at the same time (default 100)\n"
    "  -o, --output DIR         where the files go, as 0001-NAME, 0002-NAME, ...\n"
    "                           in the order of the list (default: here)\n"
    "  -t, --timeout SECONDS    give a download up when its server is silent for so\n"
    "                           long (default 30)\n"
    "  -h, --help               print this\n"
    "\n"
    "Without URL-FILE, or with -, the list is read from standard input. Blank lines\n"
    "and lines that begin with # are left out.\n"
    "\n"
    "Exit status: 0 if all were downloaded, 1 if some failed (each is reported, the\n"
    "others are downloaded), 2 if there was nothing to begin with.\n";

FetchOptions parse_fetch_options(int argc, char** argv) {
  FetchOptions options;
  const auto words = read_command_line(argc, argv,
      {{"fibers", 'n', [&](const char* text) { options.fibers = number_for_option("-n", text, 1, 100'000); }},
       {"output", 'o', [&](const char* text) { options.directory = text; }},
       {"timeout", 't', [&](const char* text) { options.silence = parse_silence(text); }}});
  if (words.size() > 1) reject("one list of URLs at a time, please; try --help");
  if (!words.empty()) options.list = words.front();
  return options;
}

std::vector<std::string> read_url_list(const std::string& list) {
  std::vector<std::string> urls;
  const std::string name = list == "-" ? "standard input" : list;
  if (list == "-") {
    urls = urls_from(std::cin);
    if (std::cin.bad()) reject("cannot read the URLs from standard input: " + last_error());
  } else {
    errno = 0;
    std::ifstream file(list);
    if (file) urls = urls_from(file);
    // A directory opens like a file and only then cannot be read.
    if (!file.is_open() || file.bad()) reject("cannot read the URLs from " + list + ": " + last_error());
  }
  if (urls.empty()) reject("there is no URL in " + name);
  return urls;
}

void check_directory(const std::string& directory) {
  std::string probe = directory + "/.fetch_all-XXXXXX";
  const int fd = mkstemp(probe.data());
  if (fd < 0) reject("cannot make files in the directory " + directory + ": " + last_error());
  ::close(fd);
  if (::unlink(probe.c_str()) != 0) reject("cannot remove files in the directory " + directory + ": " + last_error());
}

std::string file_name_for(std::size_t place, std::size_t urls, const std::string& url) {
  constexpr std::size_t kLongest = 100;
  std::string name = url.substr(0, url.find_first_of("?#"));
  const std::size_t authority = name.find("://");
  const std::size_t slash = name.rfind('/');
  const bool has_path = authority != std::string::npos && slash != std::string::npos && slash > authority + 2;
  name = has_path ? name.substr(slash + 1, kLongest) : "";
  if (name.empty()) name = "index.html";
  std::replace_if(
      name.begin(), name.end(), [](unsigned char byte) { return byte <= 0x20 || byte >= 0x7f; }, '_');
  const std::size_t width = std::max<std::size_t>(4, std::to_string(urls).size());
  const std::string number = std::to_string(place + 1);
  return std::string(width - number.size(), '0') + number + "-" + name;
}

}  // namespace examples
