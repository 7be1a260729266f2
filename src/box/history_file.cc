#include "box/history_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/sha256.h"
#include "catalog/store_layout.h"
#include "policy/demand_histories.h"

namespace wasabi::box {
namespace {

namespace fs = std::filesystem;

// What is being written is called "<name>.new-<random>": two boxes that were given the same file do not write into
// each other's.
constexpr std::string_view kUnfinished = ".new-";
constexpr std::string_view kUsualName = "demand-history";
// File systems make it by themselves.
constexpr std::string_view kNobodysFolder = "lost+found";

std::string unfinishedName(const std::string& name) {
  std::array<std::uint8_t, 12> bytes{};
  // Never short for so few bytes; a name that is taken is refused by O_EXCL anyway.
  [[maybe_unused]] const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
  return name + std::string(kUnfinished) + toHex(bytes.data(), bytes.size());
}

Result<void> writeAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(Error::fromErrno("write", errno));
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

// Of one more than are allowed at most.
Result<std::string> readAll(int fd) {
  std::string text;
  std::string piece(256 << 10, '\0');
  while (text.size() <= policy::kMostHistoryBytes) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Error::fromErrno("read", errno));
    if (got == 0) break;
    text.append(piece, 0, static_cast<std::size_t>(got));
  }
  return text;
}

// Whether the folder has the file and its unfinished versions only; the latter go.
Result<void> takeOver(const std::string& folder, int folder_fd, const std::string& name) {
  for (const std::string& found : catalog::namesIn(folder_fd, ".")) {
    if (found == "." || found == ".." || found == name || found == kNobodysFolder) continue;
    if (!found.starts_with(name + std::string(kUnfinished))) {
      return fail(ErrorCode::kConflict,
                  fmt::format("the box could write all there is in {}, and there is '{}': give the history a folder of "
                              "its own",
                              folder, found));
    }
    ::unlinkat(folder_fd, found.c_str(), 0);
  }
  return {};
}

bool isWithin(const fs::path& path, const std::string& root) {
  std::error_code error;
  const fs::path relative = path.lexically_relative(fs::weakly_canonical(root, error));
  return !error && !relative.empty() && *relative.begin() != "..";
}

}  // namespace

HistoryFile::HistoryFile(std::string path, std::string folder, FileDescriptor folder_fd)
    : path_(std::move(path)),
      folder_(std::move(folder)),
      name_(fs::path(path_).filename().string()),
      folder_fd_(std::move(folder_fd)) {}

Result<HistoryFile> HistoryFile::open(const std::string& path) {
  if (!fs::path(path).has_filename()) return fail(ErrorCode::kConflict, path + " names a folder, not a file");
  const fs::path parent = fs::path(path).parent_path();
  if (::mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST) return fail(Error::fromErrno("mkdir", errno));
  std::error_code error;
  const std::string folder = fs::canonical(parent, error).string();
  if (error) return fail(Error::fromErrno("folder", error.value()));
  FileDescriptor folder_fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_fd.valid()) return fail(Error::fromErrno("open", errno));
  HistoryFile file(path, folder, std::move(folder_fd));
  if (auto taken = takeOver(folder, file.folder_fd_.get(), file.name_); !taken) return fail(std::move(taken.error()));
  return file;
}

Result<std::optional<std::string>> HistoryFile::read() const {
  const FileDescriptor file(::openat(folder_fd_.get(), name_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return std::nullopt;
  if (!file.valid()) return fail(Error::fromErrno("open", errno));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail(Error::fromErrno("stat", errno));
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kCorrupt, "it is no regular file");
  auto text = readAll(file.get());
  if (!text) return fail(std::move(text.error()));
  return std::move(*text);
}

Result<void> HistoryFile::write(std::string_view text) const {
  const std::string unfinished = unfinishedName(name_);
  const auto abandon = [&](Error error) {
    ::unlinkat(folder_fd_.get(), unfinished.c_str(), 0);
    return fail(std::move(error));
  };
  FileDescriptor file(
      ::openat(folder_fd_.get(), unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return fail(Error::fromErrno("create", errno));
  if (auto written = writeAll(file.get(), text); !written) return abandon(std::move(written.error()));
  if (::fsync(file.get()) != 0) return abandon(Error::fromErrno("fsync", errno));
  if (::renameat(folder_fd_.get(), unfinished.c_str(), folder_fd_.get(), name_.c_str()) != 0) {
    return abandon(Error::fromErrno("rename", errno));
  }
  if (::fsync(folder_fd_.get()) != 0) return fail(Error::fromErrno("fsync of the folder", errno));
  return {};
}

Result<std::optional<HistoryFile>> openHistory(const BoxConfig& config, Logger& log) {
  if (config.history_file == kNoHistory) return std::nullopt;
  const std::string path = config.history_file.empty()
                               ? (fs::path(config.store_directory) / catalog::kHistoryFolder / kUsualName).string()
                               : config.history_file;
  auto file = HistoryFile::open(path);
  if (!file && file.error().code() == ErrorCode::kConflict) return fail(std::move(file.error()).within("history"));
  if (!file) {
    log.warn("histories of functions cannot be kept: at each start they begin anew",
             {{"file", path}, {"reason", file.error().message()}});
    return std::nullopt;
  }
  std::error_code error;
  const fs::path usual = fs::weakly_canonical(config.store_directory, error) / catalog::kHistoryFolder;
  const bool in_the_way = isWithin(file->folder(), config.store_directory) && file->folder() != usual;
  if (in_the_way || isWithin(file->folder(), config.catalog_directory)) {
    return fail(ErrorCode::kConflict,
                fmt::format("history: the box could write all there is in {}, which lies in the store or the catalog: "
                            "give the history a folder of its own elsewhere",
                            file->folder()));
  }
  return std::move(*file);
}

}  // namespace wasabi::box
