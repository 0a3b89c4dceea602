#include "base/symbolizer.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/unique_fd.hpp"

namespace runtime::inline v1::base {
namespace {

/// A file in memory. Owns: the mapping.
class MappedFile final {
 public:
  explicit MappedFile(const char* path) noexcept {
    const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
    struct stat status;
    if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0 || status.st_size <= 0) return;
    void* memory = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, fd.get(), 0);
    if (memory == MAP_FAILED) return;
    data_ = static_cast<const std::byte*>(memory);
    size_ = static_cast<std::size_t>(status.st_size);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  }

  /// `count` objects at an offset; null when the file is too short for them.
  template <class T>
  const T* at(std::uint64_t offset, std::uint64_t count = 1) const noexcept {
    if (data_ == nullptr || offset > size_ || count > (size_ - offset) / sizeof(T) || offset % alignof(T) != 0) return nullptr;
    return reinterpret_cast<const T*>(data_ + offset);
  }
  /// A string that ends inside the section.
  const char* text(const ElfW(Shdr) & section, std::uint64_t offset) const noexcept {
    const char* begin = at<char>(section.sh_offset, section.sh_size);
    if (begin == nullptr || offset >= section.sh_size) return nullptr;
    return std::memchr(begin + offset, 0, section.sh_size - offset) != nullptr ? begin + offset : nullptr;
  }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// The path from which the module at that address can be read. The program's own path is as it was called by, perhaps
/// from a directory that is another now.
const char* path_of(const Dl_info& info) noexcept {
  Dl_info program;
  const auto* headers = reinterpret_cast<const void*>(::getauxval(AT_PHDR));
  const bool is_program = ::dladdr(headers, &program) != 0 && program.dli_fbase == info.dli_fbase;
  return is_program ? "/proc/self/exe" : info.dli_fname;
}

// What __cxa_demangle takes of the stack: arrays of 72 bytes for each character, and the recursion that prints them.
constexpr std::size_t kStackOfName = 8192;
constexpr std::size_t kStackOfCharacter = 128;

}  // namespace

std::string Symbolizer::readable(const char* name) const {
  const std::size_t length = std::strlen(name);
  if (stack_left_ < kStackOfName || length > (stack_left_ - kStackOfName) / kStackOfCharacter) return name;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return status == 0 && text != nullptr ? text.get() : name;
}

const Symbol& Symbolizer::name(std::uintptr_t address, bool before) {
  const auto found = known_.find(address);
  if (found != known_.end()) return found->second;
  Symbol symbol = find(before && address != 0 ? address - 1 : address);
  if (before) {
    ++symbol.module_offset;
    if (!symbol.function.empty()) ++symbol.function_offset;
  }
  return known_.emplace(address, std::move(symbol)).first->second;
}

Symbol Symbolizer::find(std::uintptr_t address) {
  Symbol symbol;
  Dl_info info;
  if (::dladdr(reinterpret_cast<void*>(address), &info) == 0 || info.dli_fname == nullptr) return symbol;
  const auto base = reinterpret_cast<std::uintptr_t>(info.dli_fbase);
  symbol.module = info.dli_fname;
  const Module& module = load(path_of(info), base);
  symbol.module_offset = address - module.bias;
  auto next = std::upper_bound(module.functions.begin(), module.functions.end(), address - module.bias,
                               [](std::uint64_t offset, const Function& function) { return offset < function.start; });
  if (next != module.functions.begin()) {
    const Function& function = *--next;
    const std::uint64_t offset = address - module.bias - function.start;
    if (offset < std::max<std::uint64_t>(function.size, 1)) {
      symbol.function = readable(function.name.c_str());
      symbol.function_offset = offset;
      return symbol;
    }
  }
  if (info.dli_sname != nullptr) {
    symbol.function = readable(info.dli_sname);
    symbol.function_offset = address - reinterpret_cast<std::uintptr_t>(info.dli_saddr);
  }
  return symbol;
}

// A file that cannot be read, or is not what was loaded, has no functions: the dynamic linker's answer is used.
const Symbolizer::Module& Symbolizer::load(const char* path, std::uintptr_t base) {
  const auto [place, is_new] = modules_.try_emplace(base);
  Module& module = place->second;
  if (!is_new) return module;
  module.bias = base;
  const MappedFile file(path);
  const auto* header = file.at<ElfW(Ehdr)>(0);
  if (header == nullptr || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_shentsize != sizeof(ElfW(Shdr))) {
    return module;
  }
  // What was loaded begins with the same header; else the file has been replaced, and its table is of other code.
  if (std::memcmp(header, reinterpret_cast<const void*>(base), sizeof *header) != 0) return module;
  if (header->e_type == ET_EXEC) module.bias = 0;
  const auto* sections = file.at<ElfW(Shdr)>(header->e_shoff, header->e_shnum);
  if (sections == nullptr) return module;
  for (std::size_t i = 0; i < header->e_shnum; ++i) {
    const auto& table = sections[i];
    if (table.sh_type != SHT_SYMTAB || table.sh_link >= header->e_shnum) continue;
    const std::uint64_t count = table.sh_size / sizeof(ElfW(Sym));
    const auto* symbols = file.at<ElfW(Sym)>(table.sh_offset, count);
    for (std::uint64_t s = 0; symbols != nullptr && s < count; ++s) {
      if ((symbols[s].st_info & 0xf) != STT_FUNC || symbols[s].st_shndx == SHN_UNDEF) continue;
      const char* name = file.text(sections[table.sh_link], symbols[s].st_name);
      if (name != nullptr) module.functions.push_back({symbols[s].st_value, symbols[s].st_size, name});
    }
  }
  std::sort(module.functions.begin(), module.functions.end(),
            [](const Function& a, const Function& b) { return a.start < b.start; });
  return module;
}

}  // namespace runtime::inline v1::base
