#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <map>

#include "base/sha256.h"
#include "catalog/digest.h"
#include "catalog/plain_files.h"
#include "platform/blobs.h"

namespace wasabi::platform {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kExecutable = 0111;

// "<kind> <executable> <size of name> <name> <size of content's text> <content's text>": nothing else reads the same.
std::string lineOf(char kind, bool executable, const std::string& name, std::string_view content) {
  return fmt::format("{} {} {} {} {} {}\n", kind, executable ? 'x' : '-', name.size(), name, content.size(), content);
}

Result<std::string> digestOfFile(const std::string& path, const struct stat& status) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid()) return fail(Error::fromErrno(path, errno));
  auto digest = catalog::sha256OfFile(file.get(), static_cast<std::uint64_t>(status.st_size));
  if (!digest) return fail(std::move(digest).error().within(path));
  return toHex(digest->data(), digest->size());
}

Result<std::string> targetOf(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  if (size < 0) return fail(Error::fromErrno(path, errno));
  return std::string(target.data(), static_cast<std::size_t>(size));
}

}  // namespace

Result<Blobs::Folder> Blobs::digestOfFolder(const std::string& path) {
  const FileDescriptor root(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail(Error::fromErrno(path, errno));
  if (auto plain = catalog::checkPlainFiles(root.get(), "."); !plain) return fail(std::move(plain).error());
  std::map<std::string, std::string> lines;  // by name, for an order that no file system decides
  Folder folder;
  std::error_code error;
  for (fs::recursive_directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    const std::string file = at->path().string();
    const std::string name = file.substr(path.size() + 1);
    struct stat status{};
    if (lstat(file.c_str(), &status) != 0) return fail(Error::fromErrno(file, errno));
    if (S_ISDIR(status.st_mode)) {
      lines.emplace(name, lineOf('d', false, name, ""));
      continue;
    }
    const bool is_link = S_ISLNK(status.st_mode);
    auto content = is_link ? targetOf(file) : digestOfFile(file, status);
    if (!content) return fail(std::move(content).error());
    lines.emplace(name, lineOf(is_link ? 'l' : 'f', !is_link && (status.st_mode & kExecutable) != 0, name, *content));
    if (!is_link) folder.bytes += static_cast<std::uint64_t>(status.st_size);
  }
  if (error) return fail(Error::fromErrno(path, error.value()));
  Sha256 hash;
  for (const auto& [name, line] : lines) hash.update(line);
  folder.digest = Digest{hash.finish()};
  return folder;
}

}  // namespace wasabi::platform
