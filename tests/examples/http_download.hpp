#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace examples {

/// Downloads an http:// URL into a file, with one HTTP/1.1 request.
///
/// This is the code that every company has: written years ago for one caller at a time, top to bottom, and returning
/// when it is done. It knows nothing of fibers; fetch_all and demo call it from a thousand of them.
///
/// The file appears under its name when it is complete, and not at all if anything fails. Redirects are not followed.
/// `silence` is how long the server may do nothing at a time; zero waits for ever.
///
/// Returns the size of the body.
/// Throws: DownloadError.
std::uint64_t http_download(const std::string& url, const std::string& path, std::chrono::milliseconds silence);

}  // namespace examples
