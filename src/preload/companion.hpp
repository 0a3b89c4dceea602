#pragma once

namespace runtime::preload {

/// Makes this library the companion of libruntime in this process. From then on fibers have our words.
void begin_companionship() noexcept;

}  // namespace runtime::preload
