#include "text.hpp"

#include <algorithm>
#include <stdexcept>

namespace examples {

namespace {

// Not std::tolower: that one follows the locale, and protocol words do not.
char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter; }

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string printable(std::string_view text, std::size_t most) {
  std::string shown(text.substr(0, most));
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; }, '?');
  return text.size() > most ? shown + "..." : shown;
}

std::string quoted(std::string_view text, std::size_t most) {
  return std::string("\"").append(printable(text, most)).append("\"");
}

std::string with_commas(unsigned long long number) {
  std::string digits = std::to_string(number);
  for (std::size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, 1, ',');
  return digits;
}

std::size_t number_for_option(const char* option, std::string_view text, std::size_t least, std::size_t most) {
  const auto number = number_from<std::size_t>(text);
  if (number && *number >= least && *number <= most) return *number;
  throw std::invalid_argument(std::string(option) + " takes a number from " + std::to_string(least) + " to " +
                              std::to_string(most) + ", not " + quoted(text));
}

}  // namespace examples
