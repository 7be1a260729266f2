#include "oci/root_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "oci/beneath.h"
#include "oci/incoming_file.h"
#include "oci/layer_unpacker.h"
#include "oci/media_type.h"
#include "oci/scratch_directory.h"

namespace wasabi::oci {
namespace {

constexpr std::string_view kScratchPrefix = ".unpacking-";
constexpr const char* kRoot = "rootfs";
constexpr const char* kOwners = "owners";

Result<void> checkLayers(const Manifest& manifest, const ImageConfig& config) {
  if (manifest.layers.empty()) return fail(ErrorCode::kInvalid, "the image has no layers, so there is nothing to run");
  if (manifest.layers.size() != config.diff_ids.size()) {
    return fail(ErrorCode::kInvalid, fmt::format("the image has {} layers, its config tells of {}",
                                                 manifest.layers.size(), config.diff_ids.size()));
  }
  for (const Descriptor& layer : manifest.layers) {
    if (layerKind(layer.media_type) == LayerKind::kTar) continue;
    return fail(
        ErrorCode::kInvalid,
        fmt::format("a layer of type '{}' cannot be unpacked: only tar archives, plain or packed by gzip or zstd",
                    layer.media_type));
  }
  return {};
}

Result<void> writeOwners(int scratch_fd, const std::string& owners) {
  const FileDescriptor file(openat(scratch_fd, kOwners, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) return fail(Error::fromErrno(kOwners, errno));
  return writeAll(file.get(), owners);
}

}  // namespace

Result<RootStore> RootStore::open(std::string directory, Ownership ownership) {
  auto fd = makeDirectory(directory, 0711);
  if (!fd) return fail(std::move(fd).error());
  return RootStore(std::move(directory), *std::move(fd), ownership);
}

std::string RootStore::nameOf(const Digest& chain_id) const {
  switch (ownership_.owners) {
    case Owners::kKeep:
      return chain_id.toHex();
    case Owners::kShift:
      return fmt::format("{}-shift-{}", chain_id.toHex(), ownership_.first_id);
    case Owners::kRecord:
      return chain_id.toHex() + "-recorded";
  }
  return {};
}

std::optional<UnpackedRoot> RootStore::find(const Digest& chain_id) const {
  const std::string name = nameOf(chain_id) + '/' + kRoot;
  struct stat status{};
  if (fstatat(fd_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode))
    return std::nullopt;
  return UnpackedRoot{chain_id, directory_ + '/' + name, std::nullopt};
}

Result<UnpackedRoot> RootStore::ensure(const ImageLayout& layout, const Manifest& manifest, const ImageConfig& config,
                                       UnpackOptions options) const {
  if (auto checked = checkLayers(manifest, config); !checked) return fail(std::move(checked).error());
  const Digest chain_id = chainId(config.diff_ids);
  if (auto found = find(chain_id)) return *std::move(found);
  auto scratch = ScratchDirectory::make(fd_.get(), kScratchPrefix);
  if (!scratch) return fail(std::move(scratch).error());
  options.ownership = ownership_;
  auto report = unpackTo(scratch->fd(), layout, manifest, config, options);
  if (!report) return fail(std::move(report).error());
  // Whoever finds the name after a crash finds all of the files.
  if (syncfs(scratch->fd()) != 0) return fail(Error::fromErrno("writing the unpacked files to disk", errno));
  const std::string name = nameOf(chain_id);
  auto renamed = scratch->rename(name);
  if (!renamed) return fail(std::move(renamed).error());
  UnpackedRoot root{chain_id, directory_ + '/' + name + '/' + kRoot, std::nullopt};
  if (*renamed) root.report = *report;
  return root;
}

Result<UnpackReport> RootStore::unpackTo(int scratch_fd, const ImageLayout& layout, const Manifest& manifest,
                                         const ImageConfig& config, const UnpackOptions& options) const {
  // The first process of a user namespace goes through here as that user.
  const auto first_id = static_cast<uid_t>(ownership_.first_id);
  if (ownership_.owners == Owners::kShift && fchown(scratch_fd, first_id, first_id) != 0) {
    return fail(Error::fromErrno("owner of the image's directory", errno));
  }
  if (mkdirat(scratch_fd, kRoot, 0755) != 0) return fail(Error::fromErrno(kRoot, errno));
  auto root = openBeneath(scratch_fd, kRoot, O_RDONLY | O_DIRECTORY, Resolve::kNoLinks);
  if (!root) return fail(std::move(root).error());
  if (fchmod(root->get(), 0755) != 0) return fail(Error::fromErrno(kRoot, errno));
  auto unpacker = LayerUnpacker::open(root->get(), options);
  if (!unpacker) return fail(std::move(unpacker).error());
  std::uint64_t all = 0;
  for (const Descriptor& layer : manifest.layers) all += layer.size;
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    auto blob = layout.openBlob(manifest.layers[i]);
    if (!blob) return fail(std::move(blob).error());
    if (auto applied = unpacker->apply(blob->get(), config.diff_ids[i]); !applied) {
      return fail(std::move(applied).error().within(fmt::format("layer {} of {}", i + 1, manifest.layers.size())));
    }
    done += manifest.layers[i].size;
    if (options.progress) options.progress(done, all);
  }
  if (auto finished = unpacker->finish(); !finished) return fail(std::move(finished).error());
  if (ownership_.owners == Owners::kRecord) {
    if (auto written = writeOwners(scratch_fd, unpacker->recordedOwners()); !written) {
      return fail(std::move(written).error());
    }
  }
  return unpacker->report();
}

std::vector<Digest> RootStore::list() const {
  std::vector<Digest> found;
  FileDescriptor own(openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::unique_ptr<DIR, int (*)(DIR*)> stream(own.valid() ? fdopendir(own.get()) : nullptr, closedir);
  if (!stream) return found;
  own.release();
  while (const dirent* entry = readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    const auto digest = parseDigest("sha256:" + std::string(name.substr(0, 64)));
    if (digest && name == nameOf(*digest)) found.push_back(*digest);
  }
  return found;
}

Result<void> RootStore::remove(const Digest& chain_id) const {
  // Under another name first: half of it is never found.
  const std::string gone = std::string(kScratchPrefix) + randomName();
  if (renameat(fd_.get(), nameOf(chain_id).c_str(), fd_.get(), gone.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return fail(Error::fromErrno(nameOf(chain_id), errno));
  }
  return removeTree(fd_.get(), gone);
}

void RootStore::removeLeftovers() const {
  removeUnlocked(fd_.get(), kScratchPrefix);
}

}  // namespace wasabi::oci
