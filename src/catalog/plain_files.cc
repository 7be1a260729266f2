#include "catalog/plain_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "catalog/beneath.h"

namespace wasabi::catalog {
namespace {

class Walk {
 public:
  Walk(int directory_fd, const std::string& path) : directory_fd_(directory_fd), open_({path}) {}

  Result<void> run() {
    while (!open_.empty()) {
      const std::string folder = std::move(open_.back());
      open_.pop_back();
      if (auto listed = list(folder); !listed) return listed;
    }
    return {};
  }

 private:
  Result<void> list(const std::string& folder) {
    auto opened = openBeneath(directory_fd_, folder, O_RDONLY | O_DIRECTORY);
    if (!opened) {
      // What cannot be opened here, no guest can open; what is gone again is no concern.
      const ErrorCode code = opened.error().code();
      if (code == ErrorCode::kDenied || code == ErrorCode::kNotFound) return {};
      return fail(std::move(opened).error());
    }
    std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(opened->get()), closedir);
    if (!stream) return fail(Error::fromErrno(folder, errno));
    opened->release();
    while (true) {
      errno = 0;
      const dirent* entry = readdir(stream.get());
      if (entry == nullptr) break;
      if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
      if (auto taken = take(dirfd(stream.get()), folder + "/" + entry->d_name, *entry); !taken) return taken;
    }
    if (errno != 0) return fail(Error::fromErrno(folder, errno));
    return {};
  }

  Result<void> take(int folder_fd, std::string path, const dirent& entry) {
    if (++seen_ > kMaxFilesOfFunction) {
      return fail(ErrorCode::kInvalid, fmt::format("more than {} files and directories", kMaxFilesOfFunction));
    }
    unsigned char type = entry.d_type;
    if (type == DT_UNKNOWN) {
      struct stat status{};
      // What is gone again is no concern.
      if (fstatat(folder_fd, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return {};
      type = static_cast<unsigned char>(IFTODT(status.st_mode));
    }
    if (type == DT_DIR) {
      open_.push_back(std::move(path));
    } else if (type != DT_REG && type != DT_LNK) {
      return fail(ErrorCode::kInvalid, path + " is neither a file, a directory nor a link");
    }
    return {};
  }

  const int directory_fd_;
  std::vector<std::string> open_;
  std::size_t seen_ = 0;
};

}  // namespace

Result<void> checkPlainFiles(int directory_fd, const std::string& path) {
  return Walk(directory_fd, path).run();
}

}  // namespace wasabi::catalog
