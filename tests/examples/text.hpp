#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace examples {

/// The text without blanks, tabs and line ends on both sides.
std::string_view trimmed(std::string_view text);

/// Whether the two are the same but for the case of ASCII letters.
bool same_ignoring_case(std::string_view a, std::string_view b);

/// The text as it may be shown on a terminal: control bytes become '?', and it is cut to `most` bytes.
///
/// What a server or a list of URLs contains is not ours; an escape sequence in it must not reach the screen.
std::string printable(std::string_view text, std::size_t most = 200);

/// The same between quotation marks.
std::string quoted(std::string_view text, std::size_t most = 200);

/// The number with its thousands apart: "1,000".
std::string with_commas(unsigned long long number);

/// The number that was given to an option of the command line.
///
/// Throws: std::invalid_argument, with a sentence that names the option and its range, for anything else.
std::size_t number_for_option(const char* option, std::string_view text, std::size_t least, std::size_t most);

/// The number that the whole text is; nothing if it is anything else, or too large for a Number.
template <class Number, class... Base>
std::optional<Number> number_from(std::string_view text, Base... base) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base...);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace examples
