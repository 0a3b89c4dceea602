#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/task_records.hpp"

namespace runtime::inline v1::detail {

/// A dump for people, and one for programs; the latter's members are described in <runtime/dump.hpp>.
/// Throw: std::bad_alloc. Any thread.
std::string dump_as_text(std::uint64_t runtime_id, std::string_view runtime_name, const TaskRecords& records);
std::string dump_as_json(std::uint64_t runtime_id, std::string_view runtime_name, const TaskRecords& records);

/// The names that both use.
const char* name_of(task::WaitFor what) noexcept;
const char* name_of(task::Phase phase) noexcept;
std::string interest_name(std::uint8_t interest);

}  // namespace runtime::inline v1::detail
