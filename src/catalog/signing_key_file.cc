#include "catalog/signing_key_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/file_descriptor.h"

namespace wasabi::catalog {
namespace {

constexpr std::size_t kMaxKeyFileBytes = 4096;

Result<std::string> readAll(int fd) {
  std::string text(kMaxKeyFileBytes, '\0');
  const ssize_t got = pread(fd, text.data(), text.size(), 0);
  if (got < 0) return fail(Error::fromErrno("read", errno));
  text.resize(static_cast<std::size_t>(got));
  return text;
}

// Nothing if there is no such file.
Result<std::optional<SigningKey>> load(const std::string& path) {
  FileDescriptor file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid() && errno == ENOENT) return std::nullopt;
  struct stat status{};
  if (!file.valid() || fstat(file.get(), &status) != 0) return fail(Error::fromErrno("open", errno));
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, "not a regular file");
  if ((status.st_mode & 077) != 0) {
    return fail(ErrorCode::kDenied, fmt::format("others than its owner may use it (mode {:04o}); run: chmod 600 {}",
                                                status.st_mode & 07777, path));
  }
  if (status.st_uid != geteuid() && status.st_uid != 0) {
    return fail(ErrorCode::kDenied,
                fmt::format("it belongs to user {}, the builder runs as {}", status.st_uid, geteuid()));
  }
  auto pem = readAll(file.get());
  if (!pem) return fail(std::move(pem).error());
  auto key = SigningKey::fromPem(*pem);
  if (!key) return fail(std::move(key).error());
  return std::optional<SigningKey>(std::move(*key));
}

// A file of another name in the same folder, with its content on disk; gone with this object.
class PreparedFile {
 public:
  static Result<PreparedFile> write(const std::string& path, std::string_view content, mode_t mode) {
    std::string name = fmt::format("{}.{}.tmp", path, getpid());
    // A process of the same number may have crashed here before.
    unlink(name.c_str());
    FileDescriptor file(open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!file.valid()) return fail(Error::fromErrno("create " + name, errno));
    PreparedFile prepared(std::move(name));
    const ssize_t put = ::write(file.get(), content.data(), content.size());
    if (put < 0) return fail(Error::fromErrno("write", errno));
    if (static_cast<std::size_t>(put) != content.size())
      return fail(ErrorCode::kIo, "write: no space for the whole file");
    if (fsync(file.get()) != 0) return fail(Error::fromErrno("fsync", errno));
    return prepared;
  }
  PreparedFile(PreparedFile&& other) noexcept : name_(std::exchange(other.name_, {})) {}
  PreparedFile& operator=(PreparedFile&&) = delete;
  ~PreparedFile() {
    if (!name_.empty()) unlink(name_.c_str());
  }
  const std::string& name() const { return name_; }

 private:
  explicit PreparedFile(std::string name) : name_(std::move(name)) {}
  std::string name_;
};

Result<void> syncFolderOf(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  FileDescriptor directory(open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || fsync(directory.get()) != 0) return fail(Error::fromErrno("fsync of the folder", errno));
  return {};
}

// False if another key got the name first.
Result<bool> create(const std::string& path, const SigningKey& key) {
  auto prepared = PreparedFile::write(path, key.toPem(), 0600);
  if (!prepared) return fail(std::move(prepared).error());
  if (link(prepared->name().c_str(), path.c_str()) != 0) {
    if (errno == EEXIST) return false;
    return fail(Error::fromErrno("create", errno));
  }
  if (auto synced = syncFolderOf(path); !synced) return fail(std::move(synced).error());
  return true;
}

Result<void> writePublicHalf(const std::string& path, const SigningKey& key) {
  const std::string content = key.publicPem();
  FileDescriptor present(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (present.valid() && readAll(present.get()) == content) return {};
  auto prepared = PreparedFile::write(path, content, 0644);
  if (!prepared) return fail(std::move(prepared).error());
  if (rename(prepared->name().c_str(), path.c_str()) != 0) return fail(Error::fromErrno("rename", errno));
  return {};
}

Result<SigningKey> loadOrCreate(const std::string& path) {
  auto loaded = load(path);
  if (!loaded) return fail(std::move(loaded).error());
  if (*loaded) return std::move(**loaded);
  SigningKey made = SigningKey::generate();
  auto created = create(path, made);
  if (!created) return fail(std::move(created).error());
  if (*created) return made;
  loaded = load(path);
  if (!loaded) return fail(std::move(loaded).error());
  if (!*loaded) return fail(ErrorCode::kConflict, "the key was removed while it was read");
  return std::move(**loaded);
}

}  // namespace

Result<SigningKey> loadOrCreateSigningKey(const std::string& path) {
  auto key = loadOrCreate(path);
  if (!key) return fail(std::move(key).error().within("signing key " + path));
  if (auto written = writePublicHalf(path + ".pub", *key); !written) {
    return fail(std::move(written).error().within("public key " + path + ".pub"));
  }
  return key;
}

}  // namespace wasabi::catalog
