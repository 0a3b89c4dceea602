#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace runtime::inline v1::process {

/// What a child's variables are: ours, with changes.
///
/// Thread safety: one thread at a time; reads environ, as getenv(3) does.
class Environment final {
 public:
  void set(std::string_view name, std::string_view value) { change(name, std::string(value)); }
  void remove(std::string_view name) { change(name, std::nullopt); }
  void clear() {
    changes_.clear();
    inherits_ = false;
  }

  /// The value that a child sees and we may not: set by set(). Null: not set there.
  const std::string* changed(std::string_view name) const noexcept;
  /// "name=value", each once.
  std::vector<std::string> entries() const;

 private:
  struct Change {
    std::string name;
    std::optional<std::string> value;  // nullopt: removed
  };
  void change(std::string_view name, std::optional<std::string> value);
  const Change* find(std::string_view name) const noexcept;

  std::vector<Change> changes_;
  bool inherits_ = true;
};

}  // namespace runtime::inline v1::process
