// How a store's files are named, for those who read it, write it and tidy it up.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "catalog/function_spec.h"

namespace wasabi::catalog {

inline constexpr ByteSize kMaxCompiledBytes{1ull << 30};
// What is being written has a name with this prefix and a lock (flock) on it.
inline constexpr std::string_view kUnfinishedPrefix = ".building-";
// A folder in the store that is no engine's: the box keeps something of its own there (box/history_file.h), and who
// tidies the store leaves it alone.
inline constexpr std::string_view kHistoryFolder = "history";

// A fingerprint names a folder: 1 to 128 of letters, digits, '.', '_' and '-', not beginning with a dot, and not
// kHistoryFolder.
Result<void> checkFingerprint(std::string_view fingerprint);
bool isFingerprint(std::string_view name);

std::string compiledName(const ModuleDigest& module);
std::optional<ModuleDigest> moduleOfName(std::string_view name);

// The names in a folder under the open one (its own: "."); none if it cannot be read.
std::vector<std::string> namesIn(int directory_fd, const std::string& folder);

}  // namespace wasabi::catalog
