#include "oci/layer_unpacker.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "oci/beneath.h"
#include "oci/shown_text.h"

namespace wasabi::oci {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
// What AUFS keeps for itself ("aufs", "plnk", "orph").
constexpr std::string_view kWhiteoutMeta = ".wh..wh.";

std::string joined(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + '/' + name;
}

Result<std::vector<std::string>> namesIn(int directory_fd) {
  FileDescriptor own(openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::unique_ptr<DIR, int (*)(DIR*)> stream(own.valid() ? fdopendir(own.get()) : nullptr, closedir);
  if (!stream) return fail(Error::fromErrno("opening a directory of the image", errno));
  own.release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
      names.emplace_back(entry->d_name);
    errno = 0;
  }
  if (errno != 0) return fail(Error::fromErrno("reading a directory of the image", errno));
  return names;
}

}  // namespace

Result<LayerUnpacker> LayerUnpacker::open(int root_fd, const UnpackOptions& options) {
  auto tree = RootTree::open(root_fd, options.limits.path);
  if (!tree) return fail(std::move(tree).error());
  return LayerUnpacker(*std::move(tree), options);
}

UnpackReport LayerUnpacker::report() const {
  UnpackReport report = maker_.report();
  report.entries = entries_;
  report.removed = removed_;
  return report;
}

Result<void> LayerUnpacker::apply(int blob_fd, const Digest& diff_id) {
  of_this_layer_.clear();
  const ByteSize room = options_.limits.bytes - ByteSize{archive_bytes_};
  auto stream =
      UnpackedStream::open(blob_fd, {room, options_.limits.ratio, options_.limits.ratio_grace}, options_.stop);
  if (!stream) return fail(std::move(stream).error());
  auto tar = TarReader::open(**stream);
  if (!tar) return fail(std::move(tar).error());
  if (auto applied = applyEntries(**tar); !applied) return applied;
  auto found = (*stream)->finish();
  if (!found) return fail(std::move(found).error());
  archive_bytes_ += (*stream)->unpackedBytes();
  if (*found == diff_id) return {};
  return fail(ErrorCode::kCorrupt,
              fmt::format("the layer unpacks to {}, the image's config says {}", toString(*found), toString(diff_id)));
}

Result<void> LayerUnpacker::applyEntries(TarReader& tar) {
  while (true) {
    if (options_.stop.stop_requested()) return fail(ErrorCode::kUnavailable, "cancelled");
    auto entry = tar.next();
    if (!entry) return fail(std::move(entry).error());
    if (!*entry) return {};
    if (++entries_ > options_.limits.entries) {
      return fail(ErrorCode::kExhausted, fmt::format("the image has more than {} entries", options_.limits.entries));
    }
    if (auto applied = applyEntry(tar, **entry); !applied) {
      return fail(std::move(applied).error().within("entry '" + shownText((*entry)->path) + "'"));
    }
  }
}

Result<void> LayerUnpacker::applyEntry(TarReader& tar, const TarEntry& entry) {
  auto path = cleanPath(entry.path, tree_.limits());
  if (!path) return fail(std::move(path).error());
  auto place = tree_.make(*path);
  if (!place) return fail(std::move(place).error());
  if (place->name.starts_with(kWhiteout)) return applyWhiteout(*place);
  if (auto made = maker_.make(tar, entry, *place); !made) return made;
  of_this_layer_.insert(place->path());
  return {};
}

Result<void> LayerUnpacker::applyWhiteout(const Place& place) {
  if (place.name == kOpaque) return removeLowerIn(place.directory.get(), place.directory_path);
  if (place.name.starts_with(kWhiteoutMeta)) return {};
  const std::string name = place.name.substr(kWhiteout.size());
  if (name.empty() || name == "." || name == "..") return fail(ErrorCode::kInvalid, "a whiteout of no name");
  return removeLower(place.directory.get(), place.directory_path, name);
}

Result<void> LayerUnpacker::removeLower(int directory_fd, const std::string& directory_path, const std::string& name) {
  const std::string path = joined(directory_path, name);
  struct stat status{};
  if (fstatat(directory_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return fail(Error::fromErrno(path, errno));
  }
  if (!holdsOfThisLayer(path)) {
    ++removed_;
    maker_.forget(path);
    return removeTree(directory_fd, name);
  }
  if (!S_ISDIR(status.st_mode)) return {};
  auto directory = openBeneath(directory_fd, name, O_RDONLY | O_DIRECTORY, Resolve::kNoLinks);
  if (!directory) return fail(std::move(directory).error());
  return removeLowerIn(directory->get(), path);
}

// Goes no deeper than PathLimits::depth, which everything that was made kept.
Result<void> LayerUnpacker::removeLowerIn(int directory_fd, const std::string& directory_path) {
  auto names = namesIn(directory_fd);
  if (!names) return fail(std::move(names).error());
  for (const std::string& name : *names) {
    if (auto removed = removeLower(directory_fd, directory_path, name); !removed) return removed;
  }
  return {};
}

bool LayerUnpacker::holdsOfThisLayer(const std::string& path) const {
  const auto found = of_this_layer_.lower_bound(path);
  if (found == of_this_layer_.end()) return false;
  if (*found == path) return true;
  const std::string inside = path + '/';
  const auto below = of_this_layer_.lower_bound(inside);
  return below != of_this_layer_.end() && below->starts_with(inside);
}

}  // namespace wasabi::oci
