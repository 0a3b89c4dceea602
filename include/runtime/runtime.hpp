#pragma once

/// The umbrella: everything a C++ program needs. The POSIX-style calls are in <runtime/posix.h>.

#include <runtime/blocking.hpp>
#include <runtime/builder.hpp>
#include <runtime/error.hpp>
#include <runtime/export.hpp>
#include <runtime/handle.hpp>
#include <runtime/local_runtime.hpp>
#include <runtime/metrics.hpp>
#include <runtime/runtime_id.hpp>
#include <runtime/sync/barrier.hpp>
#include <runtime/sync/broadcast.hpp>
#include <runtime/sync/condition_variable.hpp>
#include <runtime/sync/mpsc.hpp>
#include <runtime/sync/mutex.hpp>
#include <runtime/sync/notify.hpp>
#include <runtime/sync/once_cell.hpp>
#include <runtime/sync/oneshot.hpp>
#include <runtime/sync/rwlock.hpp>
#include <runtime/sync/semaphore.hpp>
#include <runtime/sync/watch.hpp>
#include <runtime/task.hpp>
#include <runtime/task_id.hpp>
#include <runtime/time.hpp>
