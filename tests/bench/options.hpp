#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <iostream>
#include <map>
#include <string>

namespace bench {

/// The `--name value` pairs of a benchmark program. A name it does not know ends the program with the list of those it
/// does; a peer, which is given what our own program is given, overlooks it.
///
/// Thread safety: read-only after construction.
class Options {
 public:
  using Defaults = std::initializer_list<std::pair<const std::string, std::string>>;

  enum class Unknown : std::uint8_t { refused, overlooked };

  Options(int argc, char** argv, Defaults defaults, Unknown unknown = Unknown::refused) : values_(defaults) {
    for (int i = 1; i < argc; i += 2) {
      const std::string argument = argv[i];
      const auto found = argument.rfind("--", 0) == 0 ? values_.find(argument.substr(2)) : values_.end();
      const bool overlooked = unknown == Unknown::overlooked && argument.rfind("--", 0) == 0;
      if ((found == values_.end() && !overlooked) || i + 1 == argc) {
        usage(argv[0]);
      }
      if (found != values_.end()) {
        found->second = argv[i + 1];
      }
    }
  }

  /// Ends the program when the value is none of the choices.
  std::string choice(const std::string& name, std::initializer_list<const char*> choices) const {
    const std::string& value = values_.at(name);
    if (std::find(choices.begin(), choices.end(), value) != choices.end()) {
      return value;
    }
    std::cerr << "--" << name << " takes one of these, not \"" << value << "\":";
    for (const char* choice : choices) {
      std::cerr << " " << choice;
    }
    std::cerr << "\n";
    std::exit(2);
  }

  const std::string& text(const std::string& name) const { return values_.at(name); }

  std::uint64_t number(const std::string& name) const {
    const std::string& text = values_.at(name);
    if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
      std::cerr << "--" << name << " takes a whole number, not \"" << text << "\"\n";
      std::exit(2);
    }
    return std::stoull(text);
  }

  /// As number(), but zero is refused: a benchmark of nothing would divide by it.
  std::uint64_t count(const std::string& name) const {
    const std::uint64_t value = number(name);
    if (value == 0) {
      std::cerr << "--" << name << " must be at least 1\n";
      std::exit(2);
    }
    return value;
  }

 private:
  [[noreturn]] void usage(const char* program) const {
    std::cerr << "usage: " << program;
    for (const auto& [name, value] : values_) {
      std::cerr << " [--" << name << " " << value << "]";
    }
    std::cerr << "\n";
    std::exit(2);
  }

  std::map<std::string, std::string> values_;
};

}  // namespace bench
