// What may lie in a function's `files`: files, directories and links. Opening a pipe or a device can wait for ever, and
// guests would wait with it on threads that all functions share.
#pragma once

#include <cstddef>
#include <string>

#include "base/error.h"

namespace wasabi::catalog {

// More are refused: every directory is listed when the manifest is read.
inline constexpr std::size_t kMaxFilesOfFunction = 100'000;

// Looks at everything below `path`, which lies beneath `directory_fd`, and follows no links.
Result<void> checkPlainFiles(int directory_fd, const std::string& path);

}  // namespace wasabi::catalog
