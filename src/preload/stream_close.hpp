#pragma once

#include <stdio.h>

namespace runtime::preload {

/// fclose(): writes what is pending, closes, and tells who waits on the descriptor. Any thread; a fiber parks.
int close_stream_told(FILE* file) noexcept;

}  // namespace runtime::preload
