#include "companion/shared_key.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "platform/disk.h"

namespace wasabi::companion {

Result<void> sharePublicKey(const std::string& key_file, const std::string& shared) {
  constexpr std::size_t kMostBytes = 4096;
  constexpr unsigned kMode = 0644;
  const std::filesystem::path key(key_file);
  auto keys = platform::openDisk(key.parent_path().string());
  if (!keys) return fail(std::move(keys).error());
  auto text = (*keys)->read(key.filename().string() + ".pub", kMostBytes);
  if (!text) return fail(std::move(text).error());
  auto target = platform::openDisk(shared);
  if (!target) return fail(std::move(target).error());
  return platform::replaceFile(**target, kSharedKeyName, *text, kMode);
}

}  // namespace wasabi::companion
