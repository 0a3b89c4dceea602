// Compiled once for all test programs of a suite: what nearly all of them include, and what takes the compiler most of
// its time. A test still includes what it uses: with -Db_pch=false (which ccache wants, too) this file is not read.
// (No `#pragma once`: the compiler warns of it in a file that is compiled by itself.)

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <runtime/posix.h>
#include <runtime/runtime.hpp>
