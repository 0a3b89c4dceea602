#include "output_file.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include "download_error.hpp"

namespace examples {

namespace {

[[noreturn]] void fail(const char* what, const std::string& path) {
  const std::string reason = std::generic_category().message(errno);
  throw DownloadError(DownloadStep::file, std::string("cannot ") + what + " " + path + ": " + reason);
}

}  // namespace

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)), part_(path_ + ".part"), file_(std::fopen(part_.c_str(), "wbe")) {
  if (file_ == nullptr) fail("open", part_);
}

OutputFile::~OutputFile() {
  // Not committed, so the caller is on its way out with the error that matters: a failure to tidy up adds nothing.
  if (file_ != nullptr) std::fclose(file_);
  if (!part_.empty()) std::remove(part_.c_str());
}

void OutputFile::write(std::string_view data) {
  if (std::fwrite(data.data(), 1, data.size(), file_) != data.size()) fail("write to", part_);
  size_ += data.size();
}

void OutputFile::commit() {
  // The last bytes reach the file system only here: a full disk may show up as late as this.
  if (std::fclose(std::exchange(file_, nullptr)) != 0) fail("write to", part_);
  if (std::rename(part_.c_str(), path_.c_str()) != 0) fail("give its final name to", part_);
  part_.clear();
}

}  // namespace examples
