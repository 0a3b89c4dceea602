#pragma once

/* Usable from C as well: <runtime/posix.h> includes it. */

/* RUNTIME_API marks what leaves libruntime.so; RUNTIME_LOCAL keeps a nested or private type in. */
#define RUNTIME_API __attribute__((visibility("default")))
#define RUNTIME_LOCAL __attribute__((visibility("hidden")))
