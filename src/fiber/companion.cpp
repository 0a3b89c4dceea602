#include "fiber/companion.hpp"

namespace runtime::inline v1::fiber {

constinit Companion companion;

}  // namespace runtime::inline v1::fiber
