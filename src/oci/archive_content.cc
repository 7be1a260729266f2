#include "oci/archive_content.h"

#include <fmt/format.h>

#include <utility>

#include "oci/root_tree.h"
#include "oci/tar_reader.h"

namespace wasabi::oci {
namespace {

constexpr int kMaxLinks = 4;

Result<ArchivedFile> storeFile(TarReader& tar, const ImageLayout& scratch) {
  auto file = scratch.beginBlob();
  if (!file) return fail(std::move(file).error());
  Sha256 hash;
  ArchivedFile stored;
  while (true) {
    auto piece = tar.content();
    if (!piece) return fail(std::move(piece).error());
    if (!*piece) break;
    if ((*piece)->offset != stored.size) return fail(ErrorCode::kInvalid, "a file with holes in an archive of images");
    hash.update((*piece)->bytes);
    if (auto written = file->append((*piece)->bytes); !written) return fail(std::move(written).error());
    stored.size += (*piece)->bytes.size();
  }
  stored.digest = {hash.finish()};
  if (auto ended = scratch.endBlob(*std::move(file), stored.digest); !ended) return fail(std::move(ended).error());
  return stored;
}

// The name that a link in `name`'s directory means.
Result<std::string> linkTarget(const std::string& name, const std::string& target) {
  const std::size_t slash = name.rfind('/');
  std::string path = slash == std::string::npos ? std::string() : name.substr(0, slash);
  std::string_view rest = target;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (part == "..") {
      if (path.empty()) return fail(ErrorCode::kInvalid, "a link that leads out of the archive");
      const std::size_t last = path.rfind('/');
      path.resize(last == std::string::npos ? 0 : last);
    } else if (!part.empty() && part != ".") {
      path += (path.empty() ? "" : "/") + std::string(part);
    }
  }
  return path;
}

}  // namespace

Result<ArchiveContent> ArchiveContent::read(int archive_fd, const ImageLayout& scratch, const ImportOptions& options) {
  auto stream = UnpackedStream::open(archive_fd, options.limits.archive, options.stop);
  if (!stream) return fail(std::move(stream).error());
  auto tar = TarReader::open(**stream);
  if (!tar) return fail(std::move(tar).error());
  ArchiveContent content;
  for (std::uint64_t entries = 1;; ++entries) {
    auto entry = (*tar)->next();
    if (!entry) return fail(std::move(entry).error());
    if (!*entry) return content;
    if (entries > options.limits.entries) {
      return fail(ErrorCode::kExhausted, fmt::format("the archive has more than {} entries", options.limits.entries));
    }
    auto name = cleanPath((*entry)->path, {});
    if (!name) return fail(std::move(name).error());
    if ((*entry)->kind == EntryKind::kFile) {
      auto stored = storeFile(**tar, scratch);
      if (!stored) return fail(std::move(stored).error());
      content.files_.insert_or_assign(*name, *stored);
    } else if ((*entry)->kind == EntryKind::kSymlink || (*entry)->kind == EntryKind::kHardLink) {
      const bool relative = (*entry)->kind == EntryKind::kSymlink;
      auto target = linkTarget(relative ? *name : std::string(), (*entry)->link);
      if (!target) return fail(std::move(target).error());
      content.links_.insert_or_assign(*name, *target);
    }
  }
}

Result<ArchivedFile> ArchiveContent::find(const std::string& name) const {
  std::string now = name;
  for (int followed = 0; followed <= kMaxLinks; ++followed) {
    if (const auto file = files_.find(now); file != files_.end()) return file->second;
    const auto link = links_.find(now);
    if (link == links_.end()) break;
    now = link->second;
  }
  return fail(ErrorCode::kNotFound, "the archive lacks a file that it refers to");
}

Result<std::string> ArchiveContent::text(const std::string& name, const ImageLayout& scratch) const {
  auto file = find(name);
  if (!file) return fail(std::move(file).error());
  return scratch.readDocument({{}, file->digest, file->size, {}, {}});
}

}  // namespace wasabi::oci
