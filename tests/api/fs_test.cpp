// Files and directories.

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include "last_page.hpp"
#include "support.hpp"

using namespace api_test;
namespace fs = runtime::fs;

namespace {

/// A directory that goes with what is in it.
class Folder {
 public:
  Folder() : path_((std::filesystem::temp_directory_path() / "runtime-fs-XXXXXX").string()) {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + '/' + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Runs the test on a fiber of a runtime, and once more on a plain thread.
template <class F>
void in_both_worlds(F test) {
  {
    Checked checked;
    checked.rt.block_on([&] { runtime::spawn_local([&] { test(); }).join(); });
  }
  const Limits limits;
  std::thread(test).join();
}

}  // namespace

TEST_CASE("what is written is read again") {
  in_both_worlds([] {
    const Folder folder;
    std::string bytes(300'000, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31);
    fs::write(folder / "file", bytes);
    CHECK(fs::read(folder / "file") == bytes);
    fs::write(folder / "file", "short");
    CHECK(fs::read(folder / "file") == "short");
    fs::write(folder / "file", "");
    CHECK(fs::read(folder / "file").empty());
  });
}

TEST_CASE("files that do not say how large they are are read to their end") {
  in_both_worlds([] {
    CHECK(fs::read("/proc/self/cmdline").size() > 5);
    CHECK(fs::read("/proc/self/maps").size() > 4096);
  });
}

TEST_CASE("a file is written, sought in, read and described") {
  in_both_worlds([] {
    const Folder folder;
    fs::File file = fs::File::create(folder / "file");
    file.write_all("0123456789");
    CHECK(file.write("abc", 3) == 3);
    CHECK(file.seek(4) == 4);
    char buffer[16];
    CHECK(file.read(buffer, 2) == 2);
    CHECK(std::string(buffer, 2) == "45");
    CHECK(file.seek(-3, SEEK_END) == 10);
    CHECK(file.read(buffer, sizeof buffer) == 3);
    CHECK(std::string(buffer, 3) == "abc");
    CHECK(file.read(buffer, sizeof buffer) == 0);
    file.sync_all();
    const fs::Metadata metadata = file.metadata();
    CHECK(metadata.len() == 13);
    CHECK(metadata.is_file());
    CHECK_FALSE(metadata.is_dir());
    CHECK(fs::metadata(folder.path()).is_dir());
    const auto age = std::chrono::system_clock::now() - metadata.modified();
    CHECK(age < 10min);
    CHECK(age > -10min);
  });
}

TEST_CASE("create() empties a file, and open() does not let it be written") {
  in_both_worlds([] {
    const Folder folder;
    fs::write(folder / "file", "before");
    {
      fs::File file = fs::File::open(folder / "file");
      CHECK(os_error_of([&] { file.write_all("x"); }) == EBADF);
      char buffer[8];
      CHECK(file.read(buffer, 8) == 6);
    }
    { const fs::File file = fs::File::create(folder / "file"); }
    CHECK(fs::metadata(folder / "file").len() == 0);
    fs::File appending = fs::File::open(folder / "file", O_WRONLY | O_APPEND);
    appending.write_all("a");
    appending.seek(0);
    appending.write_all("b");
    CHECK(fs::read(folder / "file") == "ab");
  });
}

TEST_CASE("the file system's errors come back with the call and the path") {
  in_both_worlds([] {
    const Folder folder;
    const std::string missing = folder / "missing";
    CHECK(os_error_of([&] { fs::read(missing); }) == ENOENT);
    CHECK(os_error_of([&] { fs::write(missing + "/file", "x"); }) == ENOENT);
    CHECK(os_error_of([&] { fs::File::open(missing); }) == ENOENT);
    CHECK(os_error_of([&] { fs::File::create(folder.path()); }) == EISDIR);
    CHECK(os_error_of([&] { fs::read(folder.path()); }) == EISDIR);
    CHECK(os_error_of([&] { fs::metadata(missing); }) == ENOENT);
    CHECK(os_error_of([&] { fs::read_dir(missing); }) == ENOENT);
    CHECK(os_error_of([&] { fs::write("/dev/full", "x"); }) == ENOSPC);
    fs::write(folder / "file", "x");
    CHECK(os_error_of([&] { fs::read_dir(folder / "file"); }) == ENOTDIR);
    fs::File file = fs::File::open(folder / "file");
    CHECK(os_error_of([&] { file.seek(-1); }) == EINVAL);
    CHECK(code_of([&] { fs::read(std::string_view("a\0b", 3)); }) == Errc::invalid_argument);
    try {
      fs::read(missing);
      FAIL_CHECK("it was read");
    } catch (const std::system_error& error) {
      CHECK(occurrences(error.what(), "open " + missing) == 1);
    }
  });
}

TEST_CASE("a size that no buffer has moves what there is") {
  in_both_worlds([] {
    const Folder folder;
    const LastPage page;
    for (const std::size_t size : kTooMuch) {
      fs::File file = fs::File::create(folder / "file");
      CHECK(file.write(page.data(), size) == page.size());
      file.seek(-3, SEEK_END);
      CHECK(file.read(page.data(), size) == 3);
      CHECK(file.read(page.data(), size) == 0);
    }
  });
}

TEST_CASE("a directory is gone through, and its entries have names and types") {
  in_both_worlds([] {
    const Folder folder;
    std::vector<std::string> expected;
    for (int i = 0; i < 100; ++i) {
      expected.push_back("file-" + std::to_string(i));
      fs::write(folder / expected.back(), "");
    }
    std::filesystem::create_directory(folder / "sub");
    std::filesystem::create_symlink("sub", folder / "link");
    expected.insert(expected.end(), {"sub", "link"});
    std::vector<std::string> found;
    for (const fs::DirEntry& entry : fs::read_dir(folder.path())) {
      found.push_back(entry.file_name());
      CHECK(entry.is_dir() == (entry.file_name() == "sub"));
      CHECK(entry.is_symlink() == (entry.file_name() == "link"));
      CHECK(entry.is_file() == (entry.file_name().rfind("file-", 0) == 0));
    }
    std::sort(found.begin(), found.end());
    std::sort(expected.begin(), expected.end());
    CHECK(found == expected);
  });
}

TEST_CASE("an empty directory has no entries") {
  in_both_worlds([] {
    const Folder folder;
    fs::ReadDir entries = fs::read_dir(folder.path());
    CHECK(entries.begin() == entries.end());
    CHECK(entries.begin() == entries.end());
  });
}

TEST_CASE("the siblings of a fiber that waits for a file go on") {
  Checked checked;
  const Folder folder;
  const std::string fifo = folder / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  checked.rt.block_on([&] {
    auto reader = runtime::spawn_local([&] { return fs::read(fifo); });
    settle();
    CHECK_FALSE(reader.is_finished());
    fs::write(fifo, "through");  // opening it waits for the reader, and the reader for it
    CHECK(reader.join() == "through");
  });
}

TEST_CASE("a fiber that is cancelled while it waits for a file leaves when the call has ended") {
  Checked checked;
  const Folder folder;
  const std::string fifo = folder / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  checked.rt.block_on([&] {
    auto opening = runtime::spawn_local([&] { fs::File::open(fifo); });
    settle();
    opening.abort();
    settle();
    CHECK_FALSE(opening.is_finished());
    const int other_end = ::open(fifo.c_str(), O_RDWR | O_CLOEXEC);
    CHECK(code_of([&] { opening.join(); }) == Errc::cancelled);
    ::close(other_end);
  });
}

TEST_CASE("a cancelled task begins nothing") {
  Checked checked;
  const Folder folder;
  checked.rt.block_on([&] {
    auto task = runtime::spawn_local([&] {
      try {
        wait_for_ever();
      } catch (const Cancelled&) {
      }
      fs::write(folder / "file", "x");
    });
    settle();
    task.abort();
    CHECK(code_of([&] { task.join(); }) == Errc::cancelled);
    CHECK(os_error_of([&] { fs::metadata(folder / "file"); }) == ENOENT);
  });
}

TEST_CASE("a write that waits for the pool survives the shutdown, other queued work does not") {
  const Limits limits;
  const Folder folder;
  fs::write(folder / "read", "x");
  std::atomic<bool> is_held{false}, go{false};
  bool was_read = false;
  {
    LocalRuntime rt = Builder().max_blocking_threads(1).build_local();
    rt.block_on([&] {
      runtime::spawn_blocking([&] {
        is_held = true;
        go.wait(false);
      });
      CHECK(eventually([&] { return is_held.load(); }));
      runtime::spawn_local([&] { fs::write(folder / "written", "all of it"); });
      runtime::spawn_local([&] {
        fs::read(folder / "read");
        was_read = true;
      });
      runtime::spawn_local([&] {
        const AtExit lets_go([&] {
          go = true;
          go.notify_one();
        });  // in the shutdown, when the pool is closed
        wait_for_ever();
      });
      settle();
      CHECK(rt.metrics().blocking_queue_depth() == 2);
    });
    const runtime::ShutdownReport report = rt.shutdown_timeout(30s);
    CHECK(report.blocking_cancelled == 1);
    CHECK(report.blocking_left_running == 0);
    CHECK(report.tasks_left_parked == 0);
  }
  CHECK(fs::read(folder / "written") == "all of it");
  CHECK_FALSE(was_read);
}

TEST_CASE("a write that a shutdown without time finds queued is still done") {
  const Limits limits;
  const Folder folder;
  static std::atomic<bool> is_held, go;
  is_held = go = false;
  fs::File file = fs::File::create(folder / "file");
  {
    LocalRuntime rt = Builder().max_blocking_threads(1).build_local();
    // The task that is left parked keeps its runtime for good; leak checkers shall know.
    static auto* kept = new std::vector<Handle>();
    kept->push_back(rt.handle());
    rt.block_on([&] {
      runtime::spawn_blocking([] {
        is_held = true;
        go.wait(false);
      });
      CHECK(eventually([] { return is_held.load(); }));
      runtime::spawn_local([&] { file.write_all("late, but not lost"); });
      settle();
    });
    const runtime::ShutdownReport report = rt.shutdown_background();
    CHECK(report.blocking_cancelled == 0);
    CHECK(report.blocking_left_running == 2);
    CHECK(report.tasks_left_parked == 1);
  }
  CHECK(fs::read(folder / "file").empty());
  go = true;
  go.notify_one();
  CHECK(eventually([&] { return fs::read(folder / "file") == "late, but not lost"; }));
}

TEST_CASE("a destructor writes while its task is unwound by the shutdown") {
  const Folder folder;
  {
    Checked checked;
    checked.rt.block_on([&] {
      runtime::spawn_local([&] {
        const AtExit writes([&] {
          fs::write(folder / "file", "last words");
          CHECK(fs::read(folder / "file") == "last words");
        });
        wait_for_ever();
      });
      settle();
    });
  }
  CHECK(fs::read(folder / "file") == "last words");
}

TEST_CASE("what begins to read while the runtime shuts down is told so, and what begins to write is done") {
  const Folder folder;
  fs::write(folder / "file", "x");
  fs::File file = fs::File::create(folder / "other");
  std::optional<Errc> code;
  {
    Checked checked;
    checked.rt.block_on([&] {
      runtime::spawn_local([&] {
        runtime::shield([&] {
          runtime::sleep_for(5ms);
          code = code_of([&] { fs::read(folder / "file"); });
          fs::write(folder / "file", "written");
          file.write_all("1");
          CHECK(file.write("2", 1) == 1);
          file.sync_all();
          fs::File::create(folder / "third").write_all("3");
        });
      });
      settle();
    });
  }
  CHECK(code == Errc::shut_down);
  CHECK(fs::read(folder / "file") == "written");
  CHECK(fs::read(folder / "other") == "12");
  CHECK(fs::read(folder / "third") == "3");
}

TEST_CASE("files need neither I/O nor a clock of a runtime") {
  const Folder folder;
  Checked checked(Builder().enable_io(false).enable_time(false));
  checked.rt.block_on([&] {
    fs::write(folder / "file", "x");
    CHECK(fs::read(folder / "file") == "x");
  });
}

TEST_CASE("a file that has been moved from is closed, and says so") {
  in_both_worlds([] {
    const Folder folder;
    fs::File file = fs::File::create(folder / "file");
    fs::File other = std::move(file);
    CHECK(file.fd() == -1);
    char buffer[4];
    CHECK(code_of([&] { file.read(buffer, 4); }) == Errc::invalid_argument);
    CHECK(code_of([&] { file.write("x", 1); }) == Errc::invalid_argument);
    CHECK(code_of([&] { file.write_all("x"); }) == Errc::invalid_argument);
    CHECK(code_of([&] { file.seek(0); }) == Errc::invalid_argument);
    CHECK(code_of([&] { file.sync_all(); }) == Errc::invalid_argument);
    CHECK(code_of([&] { file.metadata(); }) == Errc::invalid_argument);
    other.write_all("x");
    other = fs::File::open(folder / "file");
    CHECK(fs::read(folder / "file") == "x");
    file = std::move(other);
    CHECK(file.read(buffer, 4) == 1);
  });
}

TEST_CASE("a directory that has been moved from says so, also to whoever is on the way through it") {
  in_both_worlds([] {
    const Folder folder;
    fs::write(folder / "a", "");
    fs::write(folder / "b", "");
    fs::ReadDir entries = fs::read_dir(folder.path());
    auto on_the_way = entries.begin();
    fs::ReadDir other = std::move(entries);
    CHECK(code_of([&] { entries.begin(); }) == Errc::invalid_argument);
    CHECK(code_of([&] { ++on_the_way; }) == Errc::invalid_argument);
    int left = 0;
    for (auto entry = other.begin(); entry != other.end(); ++entry) ++left;
    CHECK(left == 1);
  });
}
