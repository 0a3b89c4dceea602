#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace runtime::inline v1::base {

/// What lies at an address of code.
struct Symbol {
  std::string function;             // demangled; empty: not known
  std::uint64_t function_offset = 0;
  std::string module;               // path of the program or library; empty: not known
  std::uint64_t module_offset = 0;  // as addr2line takes it
};

/// Names addresses of code from the symbol tables of the files they were loaded from: also static functions, which the
/// dynamic linker does not know, as long as the file is not stripped.
///
/// Remembers what it has read, so one is made for each dump. Thread safety: one thread.
class Symbolizer final {
 public:
  /// `stack_left`: bytes that the stack of the caller has left. Making a name readable takes many times its length there,
  /// so one that is too long for it stays as it is in the file.
  explicit Symbolizer(std::size_t stack_left = SIZE_MAX) noexcept : stack_left_(stack_left) {}

  /// For a return address `before` is true: the call is what is named, which may be the last thing of its function.
  /// Throws: std::bad_alloc.
  const Symbol& name(std::uintptr_t address, bool before);

 private:
  struct Function {
    std::uint64_t start, size;
    std::string name;  // as in the file
  };
  struct Module {
    std::uint64_t bias = 0;
    std::vector<Function> functions;  // by start
  };

  Symbol find(std::uintptr_t address);
  std::string readable(const char* name) const;
  const Module& load(const char* path, std::uintptr_t base);

  const std::size_t stack_left_;
  std::unordered_map<std::uintptr_t, Symbol> known_;
  std::unordered_map<std::uintptr_t, Module> modules_;  // by base address
};

}  // namespace runtime::inline v1::base
