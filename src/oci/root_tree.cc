#include "oci/root_tree.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "oci/beneath.h"

namespace wasabi::oci {
namespace {

// The first part of a path, which is taken off it with the slashes behind it.
std::string_view takePart(std::string_view& path) {
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view part = path.substr(0, end);
  path.remove_prefix(end);
  while (path.starts_with('/')) path.remove_prefix(1);
  return part;
}

struct Split {
  std::string directory;
  std::string name;
};
Split split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

Result<std::string> pathOf(int fd) {
  std::array<char, PATH_MAX> path{};
  const std::string link = fmt::format("/proc/self/fd/{}", fd);
  const ssize_t size = readlink(link.c_str(), path.data(), path.size());
  if (size < 0) return fail(Error::fromErrno("path of a directory (" + link + ")", errno));
  if (static_cast<std::size_t>(size) == path.size())
    return fail(ErrorCode::kExhausted, "the path of a directory is too long");
  return std::string(path.data(), static_cast<std::size_t>(size));
}

}  // namespace

Result<std::string> cleanPath(std::string_view path, const PathLimits& limits) {
  if (path.size() > limits.bytes) {
    return fail(ErrorCode::kInvalid, fmt::format("a path of {} bytes; at most {}", path.size(), limits.bytes));
  }
  while (path.starts_with('/')) path.remove_prefix(1);
  std::string clean;
  std::size_t depth = 0;
  while (!path.empty()) {
    const std::string_view part = takePart(path);
    if (part == ".") continue;
    if (part == "..") return fail(ErrorCode::kInvalid, "a path with '..', which leads out of where it belongs");
    if (part.size() > NAME_MAX)
      return fail(ErrorCode::kInvalid, fmt::format("a name of {} bytes; at most {}", part.size(), NAME_MAX));
    if (++depth > limits.depth)
      return fail(ErrorCode::kInvalid, fmt::format("a path deeper than {} directories", limits.depth));
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

bool staysInside(std::string_view directory_path, std::string_view target) {
  if (target.starts_with('/')) return true;
  std::ptrdiff_t depth = directory_path.empty() ? 0 : std::ranges::count(directory_path, '/') + 1;
  while (!target.empty()) {
    const std::string_view part = takePart(target);
    if (part == "..") {
      if (--depth < 0) return false;
    } else if (part != ".") {
      ++depth;
    }
  }
  return true;
}

Result<RootTree> RootTree::open(int root_fd, PathLimits limits) {
  auto own_path = pathOf(root_fd);
  if (!own_path) return fail(std::move(own_path).error());
  return RootTree(root_fd, *std::move(own_path), limits);
}

Result<FileDescriptor> RootTree::openDirectory(const std::string& path) const {
  return openBeneath(root_fd_, path.empty() ? "." : path, O_PATH | O_DIRECTORY, Resolve::kInRoot);
}

Result<FileDescriptor> RootTree::makeDirectories(const std::string& path) const {
  auto opened = openDirectory(path);
  if (opened || opened.error().code() != ErrorCode::kNotFound) return opened;
  std::string done;
  auto above = openDirectory(done);
  std::string_view rest = path;
  while (above && !rest.empty()) {
    const std::string part(takePart(rest));
    done += (done.empty() ? "" : "/") + part;
    auto next = openDirectory(done);
    if (!next && next.error().code() == ErrorCode::kNotFound) {
      // It may be there as a link that leads nowhere: then it is not made up, and opening it fails again.
      const bool made = mkdirat(above->get(), part.c_str(), 0755) == 0;
      if (!made && errno != EEXIST) return fail(Error::fromErrno(done, errno));
      if (made && fchmodat(above->get(), part.c_str(), 0755, 0) != 0) return fail(Error::fromErrno(done, errno));
      next = openDirectory(done);
    }
    above = std::move(next);
  }
  return above;
}

Result<Place> RootTree::placeIn(FileDescriptor directory, std::string name) const {
  auto path = pathOf(directory.get());
  if (!path) return fail(std::move(path).error());
  const bool is_root = *path == own_path_;
  if (!is_root && !path->starts_with(own_path_ == "/" ? own_path_ : own_path_ + '/')) {
    return fail(ErrorCode::kInternal, "a directory of the image was found outside of it");
  }
  std::string inside = is_root ? std::string() : path->substr(own_path_ == "/" ? 1 : own_path_.size() + 1);
  const auto depth = static_cast<std::size_t>(std::ranges::count(inside, '/')) + (inside.empty() ? 0 : 1);
  if (depth >= limits_.depth || inside.size() + name.size() >= limits_.bytes) {
    return fail(ErrorCode::kInvalid,
                fmt::format("a path deeper than {} directories or longer than {} bytes, its links resolved",
                            limits_.depth, limits_.bytes));
  }
  return Place{std::move(directory), std::move(inside), std::move(name)};
}

Result<Place> RootTree::make(const std::string& path) const {
  const Split parts = split(path);
  auto directory = makeDirectories(parts.directory);
  if (!directory) return fail(std::move(directory).error());
  return placeIn(*std::move(directory), parts.name);
}

Result<Place> RootTree::find(const std::string& path) const {
  const Split parts = split(path);
  auto directory = openDirectory(parts.directory);
  if (!directory) return fail(std::move(directory).error());
  return placeIn(*std::move(directory), parts.name);
}

}  // namespace wasabi::oci
