#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace examples {

/// An option of a program: `--name`, and `-letter` unless that is 0.
struct Option {
  enum class Argument { none, required };

  const char* name;
  char letter;
  std::function<void(const char* argument)> take;  // called with the argument, or with null where there is none
  Argument argument = Argument::required;
};

/// Reads a command line with getopt_long(3), and returns the words that are no options. -h and --help are options of
/// every program: see run_program().
///
/// Throws: std::invalid_argument with a sentence for the user; what `take` throws.
std::vector<std::string> read_command_line(int argc, char** argv, std::initializer_list<Option> options);

/// Throws: std::invalid_argument, with a sentence that shows the first of the words, if there are any.
void expect_no_words(const std::vector<std::string>& words);

/// Runs what is behind main(), prints the usage where read_command_line() finds that somebody asks for it, and makes of an
/// exception a line on standard error and the exit status 2.
int run_program(const char* name, const char* usage, int (*run)(int argc, char** argv), int argc, char** argv);

}  // namespace examples
