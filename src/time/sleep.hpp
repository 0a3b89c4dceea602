#pragma once

#include "base/clock.hpp"

namespace runtime::inline v1::time {

enum class SleepEnd : unsigned char { elapsed, cancelled };

/// Parks the running task until the deadline. The caller runs on a fiber.
SleepEnd park_until(base::Nanos deadline) noexcept;

}  // namespace runtime::inline v1::time
