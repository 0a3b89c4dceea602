#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/symbolizer.hpp"

namespace runtime::inline v1::detail {

// What texts for people are made of: dumps and reports. Throw: std::bad_alloc.

void append_hex(std::string& out, std::uint64_t number);
/// "1.500 s", "20.000 ms", "3.0 us": enough for people.
void append_duration(std::string& out, base::Nanos nanos);
/// In quotes, with what is no printable text or UTF-8 written as numbers: it could move the cursor, or pass for a line of
/// ours.
void append_name(std::string& out, std::string_view name);
/// One line for an address of code. `is_return`: the call before it is what is named.
void append_frame(std::string& out, std::string_view indent, std::size_t number, std::uintptr_t address, bool is_return,
                  base::Symbolizer& symbols);

}  // namespace runtime::inline v1::detail
