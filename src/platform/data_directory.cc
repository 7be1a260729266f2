#include "platform/data_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <thread>

#include "base/text.h"
#include "base/units.h"

namespace wasabi::platform {
namespace {

constexpr std::array<std::string_view, 14> kFolders = {"files",     "functions", "images", "incoming", "keys",
                                                       "layers",    "modules",   "roots",  "secrets",  "store",
                                                       "superpods", "tenants",   "trash",  "usage"};
// Emptied at every start: what is being made, and what is being removed.
constexpr std::array<std::string_view, 2> kPassingFolders = {"incoming", "trash"};
// Folders whose own files are replaced; those of functions are tidied by who reads them (records.h).
constexpr std::array<std::string_view, 6> kReplacedIn = {".", "images", "keys", "secrets", "tenants", "usage"};
constexpr std::string_view kFormatFile = "format";
constexpr std::string_view kLockFile = "lock";
constexpr std::size_t kMaxFormatBytes = 64;
// A process that was killed may have children that hold its lock for a moment.
constexpr auto kLockPatience = std::chrono::seconds(2);
constexpr auto kLockStep = std::chrono::milliseconds(50);

bool isOurs(std::string_view name) {
  return name == kLockFile || name.starts_with(kUnfinishedPrefix) ||
         std::ranges::find(kFolders, name) != kFolders.end();
}

// What can be told before anything is written there.
Result<bool> isEmptyOrOurs(Disk& disk) {
  auto entries = disk.list(".");
  if (!entries) return fail(std::move(entries).error());
  const bool has_format = std::ranges::find(*entries, kFormatFile, &DiskEntry::name) != entries->end();
  const auto foreign = std::ranges::find_if(*entries, [](const DiskEntry& entry) { return !isOurs(entry.name); });
  if (!has_format && foreign != entries->end()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("it is not empty and no data directory (it has '{}'); name an empty one", foreign->name));
  }
  return entries->empty();
}

Result<void> makeFolders(Disk& disk) {
  for (const std::string_view folder : kFolders) {
    auto made = disk.makeFolder(std::string(folder), 0700);
    if (!made && made.error().code() != ErrorCode::kConflict) return made;
  }
  return disk.syncFolder(".");
}

Result<void> makeNew(Disk& disk, std::uint32_t format) {
  if (auto ours = isEmptyOrOurs(disk); !ours) return fail(std::move(ours).error());
  if (auto made = makeFolders(disk); !made) return made;
  // The last: from now on it is one.
  return replaceFile(disk, std::string(kFormatFile), fmt::format("{}\n", format), 0600);
}

Result<std::uint32_t> parseFormat(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const auto format = parseDecimal<std::uint32_t>(text);
  if (!format || *format == 0) return fail(ErrorCode::kCorrupt, "its file 'format' holds no number");
  return *format;
}

Result<void> upgrade(Disk& disk, std::uint32_t from, std::uint32_t to, const std::vector<FormatStep>& steps) {
  for (std::uint32_t format = from + 1; format <= to; ++format) {
    const auto step = std::ranges::find(steps, format, &FormatStep::to);
    if (step == steps.end()) {
      return fail(ErrorCode::kInvalid, fmt::format("its format {} is too old for this program", from));
    }
    if (auto done = step->run(disk); !done) {
      return fail(std::move(done).error().within(fmt::format("while it was brought to format {}", format)));
    }
    if (auto told = replaceFile(disk, std::string(kFormatFile), fmt::format("{}\n", format), 0600); !told) return told;
  }
  return {};
}

Result<void> tidy(Disk& disk) {
  for (const std::string_view folder : kPassingFolders) {
    if (auto removed = removeTree(disk, std::string(folder)); !removed) return removed;
  }
  if (auto made = makeFolders(disk); !made) return made;
  for (const std::string_view folder : kReplacedIn) {
    auto entries = disk.list(std::string(folder));
    if (!entries) return fail(std::move(entries).error());
    for (const DiskEntry& entry : *entries) {
      if (!entry.name.starts_with(kUnfinishedPrefix) || entry.is_folder) continue;
      if (auto removed = disk.remove(fmt::format("{}/{}", folder, entry.name)); !removed) return removed;
    }
  }
  return {};
}

Result<void> makeFolderOf(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) return {};
    return fail(Error::fromErrno("make it", errno));
  }
  auto parent = openDisk(folderOf(path).empty() ? "/" : folderOf(path));
  if (!parent) return fail(std::move(parent).error());
  return (*parent)->syncFolder(".");
}

Result<void> checkOwner(const std::string& path, bool is_empty) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return fail(Error::fromErrno("look at it", errno));
  if (status.st_uid != geteuid()) {
    return fail(ErrorCode::kDenied,
                fmt::format("it belongs to user {} and this process runs as {}; run: chown -R {} {}", status.st_uid,
                            geteuid(), geteuid(), path));
  }
  if ((status.st_mode & 077) == 0) return {};
  // One that somebody made for us just now.
  if (is_empty && chmod(path.c_str(), 0700) == 0) return {};
  return fail(ErrorCode::kDenied, fmt::format("others than its owner may use it (mode {:04o}); run: chmod 700 {}",
                                              status.st_mode & 07777, path));
}

Result<FileDescriptor> takeLock(const std::string& path) {
  const std::string file = path + "/" + std::string(kLockFile);
  FileDescriptor lock(open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock.valid() && errno == EROFS) {
    return fail(ErrorCode::kDenied, "its file system is read-only; mount it so that it can be written");
  }
  if (!lock.valid()) return fail(Error::fromErrno("its lock", errno));
  const auto give_up = Clock::now() + kLockPatience;
  while (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail(Error::fromErrno("lock it", errno));
    if (Clock::now() >= give_up) {
      std::array<char, 32> holder{};
      const ssize_t got = pread(lock.get(), holder.data(), holder.size(), 0);
      const std::string_view text = trim({holder.data(), static_cast<std::size_t>(got > 0 ? got : 0)});
      return fail(ErrorCode::kConflict,
                  fmt::format("another `wasabi serve` uses it{}; end that one, or name another directory",
                              parseDecimal<long>(text) ? fmt::format(" (process {})", text) : ""));
    }
    std::this_thread::sleep_for(kLockStep);
  }
  // For the message above alone: on a full disk it is left out.
  const std::string pid = std::to_string(getpid());
  static_cast<void>(ftruncate(lock.get(), 0) == 0 && pwrite(lock.get(), pid.data(), pid.size(), 0) > 0);
  return lock;
}

Result<std::string> absolutePathOf(const std::string& path) {
  std::array<char, PATH_MAX> resolved;
  if (realpath(path.c_str(), resolved.data()) == nullptr) return fail(Error::fromErrno("find it", errno));
  return std::string(resolved.data());
}

}  // namespace

Result<void> prepareDataDirectory(Disk& disk, std::uint32_t format, const std::vector<FormatStep>& steps) {
  auto text = disk.read(std::string(kFormatFile), kMaxFormatBytes);
  if (!text && text.error().code() != ErrorCode::kNotFound) return fail(std::move(text).error());
  if (!text) {
    if (auto made = makeNew(disk, format); !made) return made;
  } else {
    auto found = parseFormat(*text);
    if (!found) return fail(std::move(found).error());
    if (*found > format) {
      return fail(
          ErrorCode::kInvalid,
          fmt::format("it has format {}, of a newer wasabi; this one reads formats up to {}: use the newer one, "
                      "or a backup from before",
                      *found, format));
    }
    if (auto upgraded = upgrade(disk, *found, format, steps); !upgraded) return upgraded;
  }
  return tidy(disk);
}

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(const std::string& path) {
  const auto opened = [&path]() -> Result<std::unique_ptr<DataDirectory>> {
    if (auto made = makeFolderOf(path); !made) return fail(std::move(made).error());
    auto absolute = absolutePathOf(path);
    if (!absolute) return fail(std::move(absolute).error());
    auto disk = openDisk(*absolute);
    if (!disk) return fail(std::move(disk).error());
    auto empty = isEmptyOrOurs(**disk);
    if (!empty) return fail(std::move(empty).error());
    if (auto owned = checkOwner(*absolute, *empty); !owned) return fail(std::move(owned).error());
    auto lock = takeLock(*absolute);
    if (!lock) return fail(std::move(lock).error());
    if (auto ready = prepareDataDirectory(**disk, kDataFormat, {}); !ready) return fail(std::move(ready).error());
    return std::unique_ptr<DataDirectory>(new DataDirectory(std::move(*absolute), std::move(*disk), std::move(*lock)));
  };
  auto result = opened();
  if (!result) return fail(std::move(result).error().within("data directory " + path));
  return result;
}

}  // namespace wasabi::platform
