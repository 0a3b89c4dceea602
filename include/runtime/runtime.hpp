#pragma once

/// The umbrella: everything a C++ program needs. The POSIX-style calls are in <runtime/posix.h>.

#include <runtime/blocking.hpp>
#include <runtime/builder.hpp>
#include <runtime/error.hpp>
#include <runtime/export.hpp>
#include <runtime/handle.hpp>
#include <runtime/histogram_config.hpp>
#include <runtime/local_runtime.hpp>
#include <runtime/metrics.hpp>
#include <runtime/openmetrics.hpp>
#include <runtime/runtime_id.hpp>
#include <runtime/task.hpp>
#include <runtime/task_id.hpp>
#include <runtime/task_meta.hpp>
#include <runtime/time.hpp>
#include <runtime/unhandled_exception.hpp>
