#include "base/symbolizer.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include <doctest/doctest.h>

using runtime::base::Symbolizer;

namespace {

__attribute__((noinline)) int a_static_function(int n) {
  __asm__ volatile("" : "+r"(n));
  return n + 1;
}

std::uintptr_t address_of(int (*function)(int)) { return reinterpret_cast<std::uintptr_t>(function); }

/// A library of its own, whose file the test changes after it has been loaded: libm, copied. (The mapped pages are private
/// to the process's own copy of the file: each change goes to a new file of that name.)
class LoadedCopy {
 public:
  LoadedCopy() {
    Dl_info info;
    REQUIRE(::dladdr(::dlsym(RTLD_DEFAULT, "__libc_start_main"), &info) != 0);
    const auto libm = std::filesystem::path(info.dli_fname).parent_path() / "libm.so.6";
    folder_ = std::filesystem::temp_directory_path() / ("symbolizer_test." + std::to_string(::getpid()));
    std::filesystem::create_directory(folder_);
    path_ = folder_ / "copy.so";
    std::filesystem::copy_file(libm, path_);
    handle_ = ::dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
    REQUIRE(handle_ != nullptr);
  }
  LoadedCopy(const LoadedCopy&) = delete;
  LoadedCopy& operator=(const LoadedCopy&) = delete;
  ~LoadedCopy() {
    ::dlclose(handle_);
    std::filesystem::remove_all(folder_);
  }

  std::uintptr_t function() const { return reinterpret_cast<std::uintptr_t>(::dlsym(handle_, "cbrt")); }
  const std::string path() const { return path_.string(); }

  void replace(const std::function<void(std::string&)>& change) const {
    std::ifstream in(path_, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    change(bytes);
    std::filesystem::remove(path_);
    std::ofstream(path_, std::ios::binary) << bytes;
  }

 private:
  std::filesystem::path folder_, path_;
  void* handle_ = nullptr;
};

ElfW(Ehdr) header_of(const std::string& bytes) {
  ElfW(Ehdr) header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

}  // namespace

TEST_CASE("a static function is named, with the offset in it and the program's path") {
  Symbolizer symbols;
  const auto& symbol = symbols.name(address_of(&a_static_function) + 1, false);
  CHECK(symbol.function == "(anonymous namespace)::a_static_function(int)");
  CHECK(symbol.function_offset == 1);
  CHECK(symbol.module.find("unit-base") != std::string::npos);
  CHECK(symbol.module_offset > 1);
}

TEST_CASE("a return address names the call before it") {
  Symbolizer symbols;
  // The first byte of a function, as a return address, belongs to a call at the very end of the one before.
  const std::uintptr_t start = address_of(&a_static_function);
  CHECK(symbols.name(start, true).function != "(anonymous namespace)::a_static_function(int)");
  Symbolizer others;
  const auto& after = others.name(start + 2, true);
  CHECK(after.function == "(anonymous namespace)::a_static_function(int)");
  CHECK(after.function_offset == 2);
}

TEST_CASE("the same address gives the same answer") {
  Symbolizer symbols;
  const auto& first = symbols.name(address_of(&a_static_function), false);
  CHECK(&first == &symbols.name(address_of(&a_static_function), false));
}

TEST_CASE("with little stack left a name stays as it is in the file") {
  const std::string mangled = Symbolizer(0).name(address_of(&a_static_function), false).function;
  CHECK(mangled.find("a_static_functionEi") != std::string::npos);
  CHECK(Symbolizer(8192 + 128 * mangled.size() - 1).name(address_of(&a_static_function), false).function == mangled);
  CHECK(Symbolizer(8192 + 128 * mangled.size()).name(address_of(&a_static_function), false).function != mangled);
}

TEST_CASE("addresses of nothing have no name") {
  Symbolizer symbols;
  for (const std::uintptr_t address : {std::uintptr_t{0}, std::uintptr_t{1}, ~std::uintptr_t{0}}) {
    CHECK(symbols.name(address, true).function.empty());
    CHECK(symbols.name(address, true).module.empty());
  }
  int on_the_stack = 0;
  CHECK(symbols.name(reinterpret_cast<std::uintptr_t>(&on_the_stack), true).function.empty());
}

TEST_CASE("the program is named from another working directory") {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path("/");
  Symbolizer symbols;
  CHECK(symbols.name(address_of(&a_static_function), false).function == "(anonymous namespace)::a_static_function(int)");
  std::filesystem::current_path(before);
}

TEST_CASE("a library whose file is gone is named by the dynamic linker, and not from the program's table") {
  const LoadedCopy library;
  {
    Symbolizer symbols;
    CHECK(symbols.name(library.function(), false).function.find("cbrt") != std::string::npos);
  }
  std::filesystem::remove(library.path());
  for (std::uintptr_t offset = 0; offset < 4096; offset += 16) {
    Symbolizer symbols;
    const auto& symbol = symbols.name(library.function() + offset, false);
    CHECK(symbol.module == library.path());
    CHECK(symbol.function.find("TEST") == std::string::npos);
    CHECK(symbol.function.find("doctest") == std::string::npos);
    CHECK(symbol.function.find("runtime") == std::string::npos);
    if (offset == 0) CHECK(symbol.function.find("cbrt") != std::string::npos);
  }
}

TEST_CASE("odd files in place of the one that was loaded do no harm") {
  const LoadedCopy library;
  const std::function<void(std::string&)> changes[] = {
      [](std::string& bytes) { bytes.resize(bytes.size() / 2); },            // the section table is cut off
      [](std::string& bytes) { bytes.resize(sizeof(ElfW(Ehdr))); },
      [](std::string& bytes) { bytes.resize(sizeof(ElfW(Ehdr)) - 1); },
      [](std::string& bytes) { bytes.resize(1); },
      [](std::string& bytes) { bytes.clear(); },
      [](std::string& bytes) { bytes = "#!/bin/sh\nexit 0\n" + std::string(4096, ' '); },
  };
  for (const auto& change : changes) {
    library.replace(change);
    Symbolizer symbols;
    CHECK(symbols.name(library.function(), false).function.find("cbrt") != std::string::npos);
  }
}

TEST_CASE("sections that lie about where they are and how large do no harm") {
  const LoadedCopy library;
  // The header stays as it was loaded; every section, its symbol and string tables too, says something else each time.
  const std::uint64_t values[] = {0, 1, 7, 1 << 20, ~std::uint64_t{0}, ~std::uint64_t{0} - 24, std::uint64_t{1} << 63};
  for (const std::uint64_t value : values) {
    for (const auto member : {&ElfW(Shdr)::sh_offset, &ElfW(Shdr)::sh_size}) {
      library.replace([&](std::string& bytes) {
        const auto header = header_of(bytes);
        for (std::size_t i = 0; i < header.e_shnum; ++i) {
          auto* place = bytes.data() + header.e_shoff + i * sizeof(ElfW(Shdr));
          ElfW(Shdr) section;
          std::memcpy(&section, place, sizeof section);
          if (section.sh_type == SHT_DYNSYM) section.sh_type = SHT_SYMTAB;  // a stripped library has no other
          section.*member = value;
          std::memcpy(place, &section, sizeof section);
        }
      });
      Symbolizer symbols;
      CHECK(symbols.name(library.function(), false).function.find("cbrt") != std::string::npos);
    }
  }
}
