#include "process/environment.hpp"

#include <unistd.h>

#include <utility>

namespace runtime::inline v1::process {

const Environment::Change* Environment::find(std::string_view name) const noexcept {
  for (const Change& change : changes_) {
    if (change.name == name) return &change;
  }
  return nullptr;
}

void Environment::change(std::string_view name, std::optional<std::string> value) {
  if (const Change* known = find(name)) {
    const_cast<Change*>(known)->value = std::move(value);
  } else {
    changes_.push_back({std::string(name), std::move(value)});
  }
}

const std::string* Environment::changed(std::string_view name) const noexcept {
  const Change* change = find(name);
  return change != nullptr && change->value ? &*change->value : nullptr;
}

std::vector<std::string> Environment::entries() const {
  std::vector<std::string> all;
  for (char** entry = environ; inherits_ && entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (find(text.substr(0, text.find('='))) == nullptr) all.emplace_back(text);
  }
  for (const Change& change : changes_) {
    if (change.value) all.push_back(change.name + '=' + *change.value);
  }
  return all;
}

}  // namespace runtime::inline v1::process
