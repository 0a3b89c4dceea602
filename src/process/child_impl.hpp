#pragma once

#include <memory>

#include <runtime/process/child.hpp>

#include "process/child_process.hpp"

namespace runtime::inline v1::process {

/// Owns: process and pipes.
class Child::Impl final {
 public:
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();

  /// Throws: Error invalid_argument for null.
  static Impl& of(const std::unique_ptr<Impl>& impl);

  std::unique_ptr<ChildProcess> process;  // null until it is spawned
  io::PipeWriter in;
  io::PipeReader out;
  io::PipeReader err;
  bool kill_on_drop = false;
};

}  // namespace runtime::inline v1::process
