#include "catalog/store_layout.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/file_descriptor.h"

namespace wasabi::catalog {
namespace {

constexpr std::string_view kSuffix = ".cwasm";
constexpr std::size_t kMaxFingerprintBytes = 128;

bool isFingerprintCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

bool isFingerprint(std::string_view name) {
  return !name.empty() && name.size() <= kMaxFingerprintBytes && name.front() != '.' && name != kHistoryFolder &&
         std::all_of(name.begin(), name.end(), isFingerprintCharacter);
}

Result<void> checkFingerprint(std::string_view fingerprint) {
  if (isFingerprint(fingerprint)) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("'{}' is not an engine fingerprint: 1 to {} letters, digits, '.', '_' and '-'",
                          fingerprint.substr(0, kMaxFingerprintBytes), kMaxFingerprintBytes));
}

std::string compiledName(const ModuleDigest& module) {
  return module.toHex() + std::string(kSuffix);
}

std::optional<ModuleDigest> moduleOfName(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  const auto digest = parseModuleDigest(name.substr(0, name.size() - kSuffix.size()));
  return digest ? std::optional(*digest) : std::nullopt;
}

std::vector<std::string> namesIn(int directory_fd, const std::string& folder) {
  std::vector<std::string> names;
  FileDescriptor directory(openat(directory_fd, folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid()) return names;
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(directory.get()), closedir);
  if (!stream) return names;
  directory.release();
  while (const dirent* entry = readdir(stream.get())) names.emplace_back(entry->d_name);
  return names;
}

}  // namespace wasabi::catalog
