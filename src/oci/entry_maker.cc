#include "oci/entry_maker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <limits>

#include "oci/beneath.h"

namespace wasabi::oci {
namespace {

constexpr mode_t kSetIds = S_ISUID | S_ISGID;

timespec timeOf(std::int64_t seconds, long nanoseconds) {
  return {static_cast<time_t>(seconds), std::clamp(nanoseconds, 0L, 999'999'999L)};
}

// (uid_t)-1 means "leave it" to chown.
Result<std::uint32_t> shifted(std::int64_t id, const Ownership& ownership) {
  constexpr std::int64_t kMaxId = std::numeric_limits<std::uint32_t>::max() - 1;
  if (id < 0 || id > kMaxId) return fail(ErrorCode::kInvalid, fmt::format("owner {} is no user or group id", id));
  if (ownership.owners != Owners::kShift) return static_cast<std::uint32_t>(id);
  if (id >= ownership.ids || ownership.first_id > kMaxId - id) {
    return fail(ErrorCode::kInvalid,
                fmt::format("owner {} is beyond the {} ids that the container has", id, ownership.ids));
  }
  return static_cast<std::uint32_t>(ownership.first_id + id);
}

template <typename Map>
void eraseTree(Map& map, const std::string& path) {
  map.erase(path);
  const std::string inside = path + '/';
  auto entry = map.lower_bound(inside);
  while (entry != map.end() && entry->first.starts_with(inside)) entry = map.erase(entry);
}

Result<void> writePiece(int fd, const TarPiece& piece) {
  std::string_view bytes = piece.bytes;
  auto offset = static_cast<off_t>(piece.offset);
  while (!bytes.empty()) {
    const ssize_t put = pwrite(fd, bytes.data(), bytes.size(), offset);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(Error::fromErrno("write", errno));
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += put;
  }
  return {};
}

}  // namespace

Ownership Ownership::forThisProcess() {
  return {geteuid() == 0 ? Owners::kKeep : Owners::kRecord, 0, 65'536};
}

// Makes room for what comes to a place.
Result<void> EntryMaker::clear(const Place& place, bool keep_directory) {
  struct stat status{};
  if (fstatat(place.directory.get(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return fail(Error::fromErrno(place.path(), errno));
  }
  if (keep_directory && S_ISDIR(status.st_mode)) return {};
  forget(place.path());
  return removeTree(place.directory.get(), place.name);
}

void EntryMaker::forget(const std::string& path) {
  eraseTree(directories_, path);
  eraseTree(owners_, path);
}

Result<EntryMaker::Attributes> EntryMaker::attributesOf(const TarEntry& entry) {
  auto uid = shifted(entry.uid, options_.ownership);
  if (!uid) return fail(std::move(uid).error());
  auto gid = shifted(entry.gid, options_.ownership);
  if (!gid) return fail(std::move(gid).error());
  Attributes attributes{entry.mode & 07777, *uid, *gid, entry.mtime_seconds, entry.mtime_nanoseconds, {}};
  if (entry.kind != EntryKind::kDirectory && (attributes.mode & kSetIds) != 0) {
    attributes.mode &= ~kSetIds;
    ++report_.dropped_set_ids;
  }
  for (const auto& [name, value] : entry.xattrs) {
    if (name.starts_with("user.")) {
      attributes.xattrs.emplace_back(name, value);
    } else {
      ++report_.dropped_xattrs;
    }
  }
  return attributes;
}

Result<void> EntryMaker::make(TarReader& tar, const TarEntry& entry, const Place& place) {
  if (entry.kind == EntryKind::kDevice || entry.kind == EntryKind::kOther) {
    ++report_.skipped_devices;
    return {};
  }
  if (place.name.empty() && entry.kind != EntryKind::kDirectory) {
    return fail(ErrorCode::kInvalid, "an entry that would replace the root directory");
  }
  if (entry.kind == EntryKind::kHardLink) return makeHardLink(entry, place);
  auto attributes = attributesOf(entry);
  if (!attributes) return fail(std::move(attributes).error());
  if (entry.kind == EntryKind::kDirectory) return makeDirectory(place, *std::move(attributes));
  if (auto removed = clear(place, false); !removed) return removed;
  if (entry.kind == EntryKind::kSymlink) return makeSymlink(entry, place, *attributes);
  if (entry.kind == EntryKind::kFifo) return makeFifo(place, *attributes);
  return makeFile(tar, entry, place, *attributes);
}

Result<void> EntryMaker::makeDirectory(const Place& place, Attributes attributes) {
  if (!place.name.empty()) {
    if (auto removed = clear(place, true); !removed) return removed;
    if (mkdirat(place.directory.get(), place.name.c_str(), 0700) != 0 && errno != EEXIST) {
      return fail(Error::fromErrno(place.path(), errno));
    }
  }
  record(place.path(), attributes);
  directories_.insert_or_assign(place.path(), std::move(attributes));
  return {};
}

Result<void> EntryMaker::makeFile(TarReader& tar, const TarEntry& entry, const Place& place,
                                  const Attributes& attributes) {
  const std::uint64_t room = options_.limits.bytes.value - report_.bytes;
  if (entry.size > room) {
    return fail(ErrorCode::kExhausted,
                fmt::format("the image's files have more than {}", toString(options_.limits.bytes)));
  }
  report_.bytes += entry.size;
  const FileDescriptor file(
      openat(place.directory.get(), place.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return fail(Error::fromErrno(place.path(), errno));
  while (true) {
    auto piece = tar.content();
    if (!piece) return fail(std::move(piece).error());
    if (!*piece) break;
    if ((*piece)->offset > entry.size || (*piece)->bytes.size() > entry.size - (*piece)->offset) {
      return fail(ErrorCode::kCorrupt, "more content than the entry announced");
    }
    if (auto written = writePiece(file.get(), **piece); !written) return written;
  }
  // A hole may be last.
  if (ftruncate(file.get(), static_cast<off_t>(entry.size)) != 0) return fail(Error::fromErrno(place.path(), errno));
  record(place.path(), attributes);
  return setAttributes(file.get(), place.path(), attributes);
}

Result<void> EntryMaker::makeSymlink(const TarEntry& entry, const Place& place, const Attributes& attributes) {
  if (entry.link.empty() || entry.link.size() >= PATH_MAX) {
    return fail(ErrorCode::kInvalid, fmt::format("a link with a target of {} bytes", entry.link.size()));
  }
  if (!staysInside(place.directory_path, entry.link)) {
    return fail(ErrorCode::kInvalid, "a link whose target climbs above the image's root");
  }
  if (symlinkat(entry.link.c_str(), place.directory.get(), place.name.c_str()) != 0) {
    return fail(Error::fromErrno(place.path(), errno));
  }
  return own(place, attributes);
}

Result<void> EntryMaker::makeHardLink(const TarEntry& entry, const Place& place) {
  auto path = cleanPath(entry.link, tree_.limits());
  if (!path) return fail(std::move(path).error().within("target of a hard link"));
  auto target = tree_.find(*path);
  struct stat status{};
  if (!target || target->name.empty() ||
      fstatat(target->directory.get(), target->name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return fail(ErrorCode::kInvalid, "a hard link to what is not in the image");
  }
  if (S_ISDIR(status.st_mode)) return fail(ErrorCode::kInvalid, "a hard link to a directory");
  if (target->path() == place.path()) return {};
  if (auto removed = clear(place, false); !removed) return removed;
  if (linkat(target->directory.get(), target->name.c_str(), place.directory.get(), place.name.c_str(), 0) != 0) {
    return fail(Error::fromErrno(place.path(), errno));
  }
  const auto owner = owners_.find(target->path());
  if (owner != owners_.end()) owners_.insert_or_assign(place.path(), owner->second);
  return {};
}

Result<void> EntryMaker::makeFifo(const Place& place, const Attributes& attributes) {
  if (mkfifoat(place.directory.get(), place.name.c_str(), 0600) != 0 ||
      fchmodat(place.directory.get(), place.name.c_str(), attributes.mode, 0) != 0) {
    return fail(Error::fromErrno(place.path(), errno));
  }
  return own(place, attributes);
}

// Of what has no descriptor to write through.
Result<void> EntryMaker::own(const Place& place, const Attributes& attributes) {
  record(place.path(), attributes);
  report_.dropped_xattrs += attributes.xattrs.size();
  if (options_.ownership.owners != Owners::kRecord &&
      fchownat(place.directory.get(), place.name.c_str(), attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return fail(Error::fromErrno("owner of " + place.path(), errno));
  }
  const timespec time = timeOf(attributes.mtime_seconds, attributes.mtime_nanoseconds);
  const std::array times = {time, time};
  if (utimensat(place.directory.get(), place.name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
    return fail(Error::fromErrno("time of " + place.path(), errno));
  }
  return {};
}

Result<void> EntryMaker::setAttributes(int fd, const std::string& path, const Attributes& attributes) {
  if (options_.ownership.owners != Owners::kRecord && fchown(fd, attributes.uid, attributes.gid) != 0) {
    return fail(Error::fromErrno("owner of " + path, errno));
  }
  for (const auto& [name, value] : attributes.xattrs) {
    // Not every file system has them, and none has room for all.
    if (fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0) ++report_.dropped_xattrs;
  }
  if (fchmod(fd, attributes.mode) != 0) return fail(Error::fromErrno("mode of " + path, errno));
  const timespec time = timeOf(attributes.mtime_seconds, attributes.mtime_nanoseconds);
  const std::array times = {time, time};
  if (futimens(fd, times.data()) != 0) return fail(Error::fromErrno("time of " + path, errno));
  return {};
}

void EntryMaker::record(const std::string& path, const Attributes& attributes) {
  if (options_.ownership.owners != Owners::kRecord) return;
  if (attributes.uid == 0 && attributes.gid == 0) {
    owners_.erase(path);
  } else {
    owners_.insert_or_assign(path, std::pair(attributes.uid, attributes.gid));
  }
}

Result<void> EntryMaker::finish() {
  // The innermost first: a directory may forbid its owner to go into it.
  for (auto entry = directories_.rbegin(); entry != directories_.rend(); ++entry) {
    const std::string& path = entry->first;
    auto directory = openBeneath(tree_.fd(), path.empty() ? "." : path, O_RDONLY | O_DIRECTORY, Resolve::kNoLinks);
    if (!directory) return fail(std::move(directory).error());
    if (auto set = setAttributes(directory->get(), path, entry->second); !set) return set;
  }
  directories_.clear();
  return {};
}

std::string EntryMaker::recordedOwners() const {
  std::string text;
  for (const auto& [path, owner] : owners_) {
    text += fmt::format("{} {} {}", owner.first, owner.second, path);
    text += '\0';
  }
  return text;
}

}  // namespace wasabi::oci
