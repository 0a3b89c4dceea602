#pragma once

#include <cstddef>

namespace examples {

/// Raises the limit on open descriptors of this process to `wanted`, as far as the system allows.
///
/// Returns the limit that holds now: at least `wanted`, or as much as could be had.
/// Throws: std::system_error if the limit cannot be read.
std::size_t raise_descriptor_limit(std::size_t wanted);

}  // namespace examples
