#include <cinttypes>
#include <cstdio>

#include "base/symbolizer.hpp"
#include "runtime/dump_text.hpp"

namespace runtime::inline v1::detail {
namespace {

// Length of the UTF-8 sequence that begins here, 0 if there is none. See: RFC 3629, section 4.
std::size_t sequence_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) { return byte(i) >= low && byte(i) <= high; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    return follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    return follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

// See: RFC 8259, section 7.
void write_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = sequence_length(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";  // U+FFFD
      text.remove_prefix(1);
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  out += '"';
}

void write_hex(std::string& out, std::uint64_t number) {
  char text[24];
  std::snprintf(text, sizeof text, "\"0x%" PRIx64 "\"", number);
  out += text;
}

template <class Items, class Write>
void write_list(std::string& out, const Items& items, Write write) {
  out += '[';
  bool is_first = true;
  for (const auto& item : items) {
    if (!is_first) out += ',';
    is_first = false;
    write(item);
  }
  out += ']';
}

void write_wait(std::string& out, const WaitRecord& wait) {
  out += "{\"for\":";
  write_string(out, name_of(wait.what));
  out += ",\"since_ns\":" + std::to_string(wait.since);
  if (wait.fd >= 0) {
    out += ",\"fd\":" + std::to_string(wait.fd) + ",\"interest\":";
    write_string(out, interest_name(wait.interest));
  }
  if (wait.remaining >= 0) out += ",\"remaining_ns\":" + std::to_string(wait.remaining);
  if (wait.task != 0) out += ",\"task\":" + std::to_string(wait.task);
  if (wait.object != nullptr) {
    out += ",\"object\":";
    write_hex(out, reinterpret_cast<std::uintptr_t>(wait.object));
  }
  out += '}';
}

void write_frame(std::string& out, std::uintptr_t address, base::Symbolizer& symbols) {
  const base::Symbol& symbol = symbols.name(address, true);
  out += "{\"address\":";
  write_hex(out, address);
  out += ",\"function\":";
  write_string(out, symbol.function);
  out += ",\"offset\":" + std::to_string(symbol.function_offset) + ",\"module\":";
  write_string(out, symbol.module);
  out += ",\"module_offset\":" + std::to_string(symbol.module_offset) + "}";
}

void write_task(std::string& out, const TaskRecord& task, base::Symbolizer& symbols) {
  out += "{\"id\":" + std::to_string(task.id) + ",\"name\":";
  write_string(out, task.name);
  out += ",\"state\":";
  write_string(out, name_of(task.phase));
  out += std::string(",\"started\":") + (task.is_started ? "true" : "false") +
         ",\"cancelled\":" + (task.is_cancelled ? "true" : "false") + ",\"spawned_at\":";
  write_string(out, task.spawned_at);
  out += ",\"waits\":";
  write_list(out, task.waits, [&](const WaitRecord& wait) { write_wait(out, wait); });
  out += ",\"frames\":";
  write_list(out, task.frames, [&](std::uintptr_t address) { write_frame(out, address, symbols); });
  if (!task.note.empty()) {
    out += ",\"note\":";
    write_string(out, task.note);
  }
  if (task.has_more_frames) out += ",\"more_frames\":true";
  out += ",\"branches\":";
  write_list(out, task.branches, [&](const TaskRecord& branch) { write_task(out, branch, symbols); });
  out += '}';
}

}  // namespace

std::string dump_as_json(std::uint64_t runtime_id, std::string_view runtime_name, const TaskRecords& records) {
  base::Symbolizer symbols(scheduler::CurrentThread::stack_left());
  std::string out = "{\"runtime\":{\"id\":" + std::to_string(runtime_id) + ",\"name\":";
  write_string(out, runtime_name);
  out += "},\n\"tasks\":";
  write_list(out, records.tasks, [&](const TaskRecord& task) {
    write_task(out, task, symbols);
    out += '\n';
  });
  out += ",\"root\":";
  if (records.root.empty()) {
    out += "null";
  } else {
    write_task(out, records.root.front(), symbols);
  }
  out += ",\n\"deadlocks\":";
  write_list(out, find_deadlocks(records), [&](const std::vector<std::uint64_t>& ring) {
    write_list(out, ring, [&](std::uint64_t id) { out += std::to_string(id); });
  });
  out += "}\n";
  return out;
}

}  // namespace runtime::inline v1::detail
