#include "oci/file_archive.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "oci/beneath.h"
#include "oci/entry_maker.h"
#include "oci/shown_text.h"
#include "oci/tar_reader.h"

namespace wasabi::oci {
namespace {

constexpr mode_t kOwnerMayExecute = 0100;

// What is damaged came so: nothing of ours is.
Error ofInput(Error error) {
  if (error.code() != ErrorCode::kCorrupt) return error;
  return {ErrorCode::kInvalid, error.message()};
}

UnpackOptions optionsOf(const FileArchiveLimits& limits, const std::stop_token& stop) {
  UnpackOptions options;
  options.limits.bytes = limits.files;
  options.limits.entries = limits.entries;
  options.limits.path = limits.path;
  options.ownership = {Owners::kRecord, 0, 0};
  options.stop = stop;
  return options;
}

// Not thread-safe.
class FileArchive {
 public:
  FileArchive(RootTree tree, RootTree own_tree, const FileArchiveLimits& limits, const std::stop_token& stop)
      : tree_(std::move(tree)), maker_(std::move(own_tree), optionsOf(limits, stop)), limits_(limits), stop_(stop) {}

  Result<void> unpack(TarReader& tar) {
    while (true) {
      if (stop_.stop_requested()) return fail(ErrorCode::kUnavailable, "cancelled");
      auto entry = tar.next();
      if (!entry) return fail(std::move(entry).error());
      if (!*entry) break;
      if (++entries_ > limits_.entries) {
        return fail(ErrorCode::kExhausted, fmt::format("the archive has more than {} entries", limits_.entries));
      }
      if (auto made = make(tar, **entry); !made) {
        return fail(std::move(made).error().within("entry '" + shownText((*entry)->path) + "'"));
      }
    }
    if (auto finished = maker_.finish(); !finished) return finished;
    return checkLinks();
  }

  FileArchiveReport report() const { return {entries_, bytes_}; }

 private:
  Result<void> make(TarReader& tar, TarEntry entry) {
    if (auto checked = check(entry); !checked) return checked;
    auto path = cleanPath(entry.path, limits_.path);
    if (!path) return fail(std::move(path).error());
    auto place = tree_.make(*path);
    if (!place) return fail(std::move(place).error());
    if (entry.kind == EntryKind::kSymlink) {
      if (entry.link.starts_with('/') || !staysInside(place->directory_path, entry.link)) {
        return fail(ErrorCode::kInvalid, "a link that leads out of the archive; only links within it can be");
      }
    }
    // A hard link may be to a symbolic one, which means something else at another place.
    if (entry.kind == EntryKind::kSymlink || entry.kind == EntryKind::kHardLink) links_.push_back(place->path());
    const bool is_directory = entry.kind == EntryKind::kDirectory;
    entry.mode = is_directory ? 0755 : (entry.mode & kOwnerMayExecute) != 0 ? 0555 : 0444;
    entry.uid = entry.gid = 0;
    entry.xattrs.clear();
    return maker_.make(tar, entry, *place);
  }

  Result<void> check(const TarEntry& entry) {
    switch (entry.kind) {
      case EntryKind::kDirectory:
      case EntryKind::kSymlink:
      case EntryKind::kHardLink:
        return {};
      case EntryKind::kFile:
        if (entry.size > limits_.files.value - bytes_) {
          return fail(ErrorCode::kExhausted,
                      fmt::format("the files of the archive have more than {}", toString(limits_.files)));
        }
        bytes_ += entry.size;
        return {};
      case EntryKind::kFifo:
      case EntryKind::kDevice:
      case EntryKind::kOther:
        break;
    }
    return fail(ErrorCode::kInvalid, "neither a file nor a directory nor a link");
  }

  // A link alone may look harmless and lead out by way of another one: "a" to ".", "b" to "a/..".
  Result<void> checkLinks() const {
    for (const std::string& link : links_) {
      const auto reached = openBeneath(tree_.fd(), link, O_PATH, Resolve::kBeneath);
      if (reached || reached.error().code() != ErrorCode::kDenied) continue;
      return fail(ErrorCode::kInvalid,
                  fmt::format("link '{}' leads out of the archive, or in a circle", shownText(link)));
    }
    return {};
  }

  RootTree tree_;
  EntryMaker maker_;
  const FileArchiveLimits& limits_;
  const std::stop_token& stop_;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<std::string> links_;
};

}  // namespace

Result<FileArchiveReport> unpackFiles(int archive_fd, int directory_fd, const FileArchiveLimits& limits,
                                      const std::stop_token& stop) {
  auto tree = RootTree::open(directory_fd, limits.path);
  if (!tree) return fail(std::move(tree).error());
  auto own_tree = RootTree::open(directory_fd, limits.path);
  if (!own_tree) return fail(std::move(own_tree).error());
  auto stream = UnpackedStream::open(archive_fd, limits.archive, stop);
  if (!stream) return fail(ofInput(std::move(stream).error()));
  auto tar = TarReader::open(**stream);
  if (!tar) return fail(ofInput(std::move(tar).error()));
  FileArchive archive(*std::move(tree), *std::move(own_tree), limits, stop);
  if (auto unpacked = archive.unpack(**tar); !unpacked) return fail(ofInput(std::move(unpacked).error()));
  return archive.report();
}

}  // namespace wasabi::oci
