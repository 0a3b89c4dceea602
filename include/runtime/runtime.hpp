#pragma once

/// The umbrella: everything a C++ program needs. The POSIX-style calls are in <runtime/posix.h>.

#include <runtime/blocking.hpp>
#include <runtime/builder.hpp>
#include <runtime/cancellation_token.hpp>
#include <runtime/dump.hpp>
#include <runtime/error.hpp>
#include <runtime/export.hpp>
#include <runtime/handle.hpp>
#include <runtime/histogram_config.hpp>
#include <runtime/join_set.hpp>
#include <runtime/local_pool.hpp>
#include <runtime/local_runtime.hpp>
#include <runtime/metrics.hpp>
#include <runtime/openmetrics.hpp>
#include <runtime/runtime_id.hpp>
#include <runtime/scope.hpp>
#include <runtime/select.hpp>
#include <runtime/task.hpp>
#include <runtime/task_id.hpp>
#include <runtime/task_local.hpp>
#include <runtime/task_meta.hpp>
#include <runtime/task_tracker.hpp>
#include <runtime/time.hpp>
#include <runtime/timeout.hpp>
#include <runtime/unhandled_exception.hpp>
