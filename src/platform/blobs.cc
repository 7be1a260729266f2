#include "platform/blobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>

#include "catalog/file_stamp.h"
#include "catalog/manifest_reader.h"
#include "catalog/store_layout.h"
#include "platform/disk.h"
#include "platform/json_fields.h"
#include "platform/sealed_value.h"

namespace wasabi::platform {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxImageBytes = 1 << 20;
constexpr std::string_view kDigestPrefix = "sha256:";

std::string_view folderOf(BlobKind kind) {
  switch (kind) {
    case BlobKind::kModule:
      return "modules";
    case BlobKind::kFiles:
      return "files";
    case BlobKind::kLayer:
      return "layers/blobs/sha256";
    case BlobKind::kImage:
      return "images";
    case BlobKind::kRoot:
      return "roots";
  }
  return "files";
}

std::string_view suffixOf(BlobKind kind) {
  return kind == BlobKind::kModule ? ".wasm" : kind == BlobKind::kImage ? ".json" : "";
}

Error errorOf(const std::string& what, const std::error_code& error) {
  return Error::fromErrno(what, error.value());
}

Result<std::string> newName() {
  auto bytes = randomBytes(12);
  if (!bytes) return fail(std::move(bytes).error());
  return toHex(reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size());
}

Result<void> syncFolder(const std::string& path) {
  const FileDescriptor folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || fsync(folder.get()) != 0) return fail(Error::fromErrno("sync " + path, errno));
  return {};
}

// Of a root there is more behind it: how its owners are kept.
std::optional<Digest> digestOfName(BlobKind kind, std::string_view name) {
  constexpr std::size_t kDigits = 64;
  const std::string_view suffix = suffixOf(kind);
  if (!name.ends_with(suffix)) return std::nullopt;
  name.remove_suffix(suffix.size());
  if (kind == BlobKind::kRoot && name.size() > kDigits && name[kDigits] == '-') name = name.substr(0, kDigits);
  auto digest = catalog::parseModuleDigest(name);
  if (!digest) return std::nullopt;
  return *digest;
}

std::optional<Digest> digestIn(std::string_view text) {
  if (text.starts_with(kDigestPrefix)) text.remove_prefix(kDigestPrefix.size());
  auto digest = catalog::parseModuleDigest(text);
  if (!digest) return std::nullopt;
  return *digest;
}

Result<void> moveAside(const std::string& path, const std::string& trash) {
  auto name = newName();
  if (!name) return fail(std::move(name).error());
  const std::string to = fmt::format("{}/{}", trash, *name);
  if (rename(path.c_str(), to.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return fail(Error::fromErrno("remove " + path, errno));
  }
  std::error_code error;
  fs::remove_all(to, error);
  if (error) return fail(errorOf("remove " + to, error));
  return {};
}

std::int64_t modifiedMs(const struct stat& status) {
  return catalog::stampOf(status).modified_ns / 1'000'000;
}

}  // namespace

struct ModuleUpload::Impl {
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  std::string directory;
  std::string path;  // empty once it has its name
  FileDescriptor file;
  std::uint64_t limit = 0;
  std::uint64_t size = 0;
  Sha256 hash;

  ~Impl() {
    if (!path.empty()) unlink(path.c_str());
  }
};

ModuleUpload::ModuleUpload(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ModuleUpload::ModuleUpload(ModuleUpload&& other) noexcept = default;
ModuleUpload::~ModuleUpload() = default;

Result<void> ModuleUpload::write(std::string_view bytes) {
  if (bytes.size() > impl_->limit - impl_->size) {
    return fail(ErrorCode::kExhausted, fmt::format("the module has more than {}", toString(ByteSize{impl_->limit})));
  }
  impl_->size += bytes.size();
  impl_->hash.update(bytes);
  while (!bytes.empty()) {
    const ssize_t put = ::write(impl_->file.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(Error::fromErrno("store the module", errno));
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<ModuleUpload::Module> ModuleUpload::finish() {
  if (impl_->size == 0) return fail(ErrorCode::kInvalid, "the module is empty");
  const Digest digest{impl_->hash.finish()};
  const std::string folder = impl_->directory + "/modules";
  const std::string path = fmt::format("{}/{}.wasm", folder, digest.toHex());
  if (fchmod(impl_->file.get(), 0444) != 0 || fsync(impl_->file.get()) != 0) {
    return fail(Error::fromErrno("store the module", errno));
  }
  // In place of an older one with the same content: a collection takes it for young then.
  if (rename(impl_->path.c_str(), path.c_str()) != 0) return fail(Error::fromErrno("store the module", errno));
  impl_->path.clear();
  if (auto synced = syncFolder(folder); !synced) return fail(std::move(synced).error());
  return Module{digest, impl_->size};
}

Result<std::unique_ptr<Blobs>> Blobs::open(std::string directory) {
  if (access((directory + "/incoming").c_str(), F_OK) != 0) return fail(Error::fromErrno(directory, errno));
  return std::unique_ptr<Blobs>(new Blobs(std::move(directory)));
}

Result<ModuleUpload> Blobs::uploadModule(ByteSize limit) const {
  auto name = newName();
  if (!name) return fail(std::move(name).error());
  auto impl = std::make_unique<ModuleUpload::Impl>();
  impl->directory = directory_;
  impl->limit = std::min(limit, catalog::kMaxModuleBytes).value;
  const std::string path = fmt::format("{}/incoming/{}", directory_, *name);
  impl->file = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!impl->file.valid()) return fail(Error::fromErrno("store the module", errno));
  impl->path = path;
  return ModuleUpload(std::move(impl));
}

Result<std::string> Blobs::makeIncomingFolder() const {
  auto name = newName();
  if (!name) return fail(std::move(name).error());
  std::string path = fmt::format("{}/incoming/{}", directory_, *name);
  if (mkdir(path.c_str(), 0755) != 0) return fail(Error::fromErrno("make a folder to unpack into", errno));
  return path;
}

Result<void> Blobs::adoptFolder(BlobKind kind, const std::string& incoming, const Digest& digest) const {
  const std::string path = pathOf(kind, digest);
  if (has(kind, digest)) {
    // Young again: who deploys it now may not lose it to a collection.
    if (utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0) return fail(Error::fromErrno(path, errno));
    std::error_code error;
    fs::remove_all(incoming, error);
    return {};
  }
  const FileDescriptor folder(::open(incoming.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Everything below at once: a sync for each of 100,000 files would take minutes.
  if (!folder.valid() || syncfs(folder.get()) != 0) return fail(Error::fromErrno("sync " + incoming, errno));
  if (rename(incoming.c_str(), path.c_str()) != 0) {
    // Somebody else brought the same a moment ago.
    if (errno == ENOTEMPTY || errno == EEXIST) return adoptFolder(kind, incoming, digest);
    return fail(Error::fromErrno("store " + path, errno));
  }
  return syncFolder(fmt::format("{}/{}", directory_, folderOf(kind)));
}

Result<void> Blobs::putImage(const Digest& digest, std::string_view json) const {
  auto disk = openDisk(directory_);
  if (!disk) return fail(std::move(disk).error());
  return replaceFile(**disk, fmt::format("images/{}.json", digest.toHex()), json, 0600);
}

Result<std::string> Blobs::readImage(const Digest& digest) const {
  auto disk = openDisk(directory_);
  if (!disk) return fail(std::move(disk).error());
  return (*disk)->read(fmt::format("images/{}.json", digest.toHex()), kMaxImageBytes);
}

Result<Blobs::ImageParts> Blobs::partsOfImage(const Digest& digest) const {
  auto text = readImage(digest);
  if (!text) return fail(std::move(text).error());
  const std::string file = fmt::format("images/{}.json", digest.toHex());
  auto json = parseJsonObject(*text, file);
  if (!json) return fail(std::move(json).error());
  JsonFields fields(*json, file);
  ImageParts parts;
  for (const std::string& layer : fields.texts("layers")) {
    const auto parsed = digestIn(layer);
    if (!parsed) {
      fields.wrong("layers", "a list of digests");
    } else {
      parts.layers.push_back(*parsed);
    }
  }
  if (fields.has("root")) {
    parts.root = digestIn(fields.text("root"));
    if (!parts.root) fields.wrong("root", "a digest");
  }
  if (!fields.ok()) return fail(fields.takeError());
  return parts;
}

std::string Blobs::pathOf(BlobKind kind, const Digest& digest) const {
  return fmt::format("{}/{}/{}{}", directory_, folderOf(kind), digest.toHex(), suffixOf(kind));
}

bool Blobs::has(BlobKind kind, const Digest& digest) const {
  return access(pathOf(kind, digest).c_str(), F_OK) == 0;
}

std::vector<StoredBlob> Blobs::list(BlobKind kind) const {
  std::vector<StoredBlob> found;
  const std::string folder = fmt::format("{}/{}", directory_, folderOf(kind));
  for (const std::string& name : catalog::namesIn(AT_FDCWD, folder)) {
    const auto digest = digestOfName(kind, name);
    struct stat status{};
    if (!digest || lstat(fmt::format("{}/{}", folder, name).c_str(), &status) != 0) continue;
    found.push_back({*digest, modifiedMs(status)});
  }
  return found;
}

std::vector<StoredBlob> Blobs::listCompiled() const {
  std::map<Digest, std::int64_t> youngest;
  for (const std::string& engine : catalog::namesIn(AT_FDCWD, storePath())) {
    if (!catalog::isFingerprint(engine)) continue;
    const std::string folder = fmt::format("{}/{}", storePath(), engine);
    for (const std::string& name : catalog::namesIn(AT_FDCWD, folder)) {
      const auto module = catalog::moduleOfName(name);
      struct stat status{};
      if (!module || lstat(fmt::format("{}/{}", folder, name).c_str(), &status) != 0) continue;
      std::int64_t& modified = youngest[*module];
      modified = std::max(modified, modifiedMs(status));
    }
  }
  std::vector<StoredBlob> found;
  found.reserve(youngest.size());
  for (const auto& [module, modified] : youngest) found.push_back({module, modified});
  return found;
}

Result<void> Blobs::remove(BlobKind kind, const Digest& digest) const {
  const std::string trash = directory_ + "/trash";
  if (kind == BlobKind::kFiles) return moveAside(pathOf(kind, digest), trash);
  if (kind != BlobKind::kRoot) {
    const std::string path = pathOf(kind, digest);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return fail(Error::fromErrno("remove " + path, errno));
    return {};
  }
  const std::string folder = rootsPath();
  for (const std::string& name : catalog::namesIn(AT_FDCWD, folder)) {
    if (digestOfName(kind, name) != digest) continue;
    if (auto moved = moveAside(fmt::format("{}/{}", folder, name), trash); !moved) return moved;
  }
  return {};
}

Result<void> Blobs::removeCompiled(const Digest& module) const {
  for (const std::string& engine : catalog::namesIn(AT_FDCWD, storePath())) {
    if (!catalog::isFingerprint(engine)) continue;
    const std::string path = fmt::format("{}/{}/{}", storePath(), engine, catalog::compiledName(module));
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return fail(Error::fromErrno("remove " + path, errno));
  }
  return {};
}

}  // namespace wasabi::platform
