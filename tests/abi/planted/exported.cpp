#include <runtime/export.hpp>

// Planted fault: a function that nobody put into tests/abi/symbols.txt.
namespace runtime {
inline namespace v1 {
RUNTIME_API void planted_export();
void planted_export() {}
}  // namespace v1
}  // namespace runtime
