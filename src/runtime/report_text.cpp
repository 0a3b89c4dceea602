#include "runtime/report_text.hpp"

#include <cinttypes>
#include <cstdio>

namespace runtime::inline v1::detail {

void append_hex(std::string& out, std::uint64_t number) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIx64, number);
  out += text;
}

void append_duration(std::string& out, base::Nanos nanos) {
  char text[40];
  if (nanos == base::kForever) {
    std::snprintf(text, sizeof text, "for ever");
  } else if (nanos >= 1'000'000'000) {
    std::snprintf(text, sizeof text, "%.3f s", static_cast<double>(nanos) / 1e9);
  } else if (nanos >= 1'000'000) {
    std::snprintf(text, sizeof text, "%.3f ms", static_cast<double>(nanos) / 1e6);
  } else {
    std::snprintf(text, sizeof text, "%.1f us", static_cast<double>(nanos) / 1e3);
  }
  out += text;
}

void append_name(std::string& out, std::string_view name) {
  out += '"';
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned>(byte));
      out += escape;
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void append_frame(std::string& out, std::string_view indent, std::size_t number, std::uintptr_t address, bool is_return,
                  base::Symbolizer& symbols) {
  const base::Symbol& symbol = symbols.name(address, is_return);
  out += indent;
  out += '#';
  out += std::to_string(number);
  out += ' ';
  if (symbol.function.empty()) {
    append_hex(out, address);
  } else {
    out += symbol.function;
    out += '+';
    append_hex(out, symbol.function_offset);
  }
  if (!symbol.module.empty()) {
    out += " (";
    out += symbol.module;
    out += '+';
    append_hex(out, symbol.module_offset);
    out += ')';
  }
  out += '\n';
}

}  // namespace runtime::inline v1::detail
