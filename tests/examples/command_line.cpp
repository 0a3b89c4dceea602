#include "command_line.hpp"

#include <cstdio>
#include <exception>
#include <stdexcept>

#include <getopt.h>

#include "text.hpp"

namespace examples {

namespace {

// Not an error: it goes from read_command_line() to run_program() past what the program would do.
struct HelpIsAskedFor {};

// An option without a letter has a number behind all letters.
constexpr int kFirstNumber = 256;

}  // namespace

std::vector<std::string> read_command_line(int argc, char** argv, std::initializer_list<Option> options) {
  std::string letters = "h";
  std::vector<option> known{{"help", no_argument, nullptr, 'h'}};
  std::vector<int> keys;
  for (const Option& one : options) {
    const bool takes_one = one.argument == Option::Argument::required;
    keys.push_back(one.letter != 0 ? one.letter : kFirstNumber + static_cast<int>(keys.size()));
    known.push_back({one.name, takes_one ? required_argument : no_argument, nullptr, keys.back()});
    if (one.letter != 0) letters.append(1, one.letter).append(takes_one ? ":" : "");
  }
  known.push_back({nullptr, 0, nullptr, 0});

  for (int key = 0; (key = getopt_long(argc, argv, letters.c_str(), known.data(), nullptr)) != -1;) {
    if (key == 'h') throw HelpIsAskedFor();
    if (key == '?') throw std::invalid_argument("try --help");  // getopt_long has said what is wrong
    std::size_t place = 0;
    while (keys[place] != key) ++place;
    options.begin()[place].take(optarg);
  }
  return {argv + optind, argv + argc};
}

void expect_no_words(const std::vector<std::string>& words) {
  if (!words.empty()) throw std::invalid_argument("what is " + quoted(words.front()) + "? try --help");
}

int run_program(const char* name, const char* usage, int (*run)(int argc, char** argv), int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const HelpIsAskedFor&) {
    std::fputs(usage, stdout);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return 2;
  }
}

}  // namespace examples
