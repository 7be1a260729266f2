#include "oci/image_layout.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "oci/beneath.h"
#include "oci/json_document.h"
#include "oci/media_type.h"

namespace wasabi::oci {
namespace {

constexpr const char* kMark = "oci-layout";
constexpr const char* kIndex = "index.json";
constexpr std::string_view kMarkContent = R"({"imageLayoutVersion":"1.0.0"})";
constexpr ByteSize kMaxMarkBytes{4096};

Result<void> checkMark(int root_fd) {
  auto text = readFileBeneath(root_fd, kMark, kMaxMarkBytes, Resolve::kNoLinks);
  if (!text) return fail(std::move(text).error().within("not an OCI image layout"));
  auto json = parseJsonObject(*text, kMark);
  if (!json) return fail(std::move(json).error());
  auto version = stringMember(*json, "imageLayoutVersion");
  if (!version) return fail(std::move(version).error());
  if (version->starts_with("1.")) return {};
  return fail(ErrorCode::kInvalid, "an OCI image layout of another version than 1");
}

Result<FileDescriptor> makeInside(int directory_fd, const char* name) {
  if (mkdirat(directory_fd, name, 0755) != 0 && errno != EEXIST) return fail(Error::fromErrno(name, errno));
  return openBeneath(directory_fd, name, O_RDONLY | O_DIRECTORY, Resolve::kNoLinks);
}

// Held while the index is read, changed and written.
Result<FileDescriptor> lockIndex(const std::string& directory) {
  auto lock = openDirectory(directory);
  if (!lock) return lock;
  while (flock(lock->get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail(Error::fromErrno("flock of " + directory, errno));
  }
  return lock;
}

std::string_view nameIn(const Descriptor& entry) {
  const auto found = entry.annotations.find(kRefName);
  return found == entry.annotations.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace

Result<ImageLayout> ImageLayout::open(std::string directory) {
  auto root = openDirectory(directory);
  if (!root) return fail(std::move(root).error());
  if (auto checked = checkMark(root->get()); !checked) return fail(std::move(checked).error().within(directory));
  auto blobs = openBeneath(root->get(), "blobs/sha256", O_RDONLY | O_DIRECTORY, Resolve::kNoLinks);
  if (!blobs) return fail(std::move(blobs).error().within(directory));
  return ImageLayout(std::move(directory), *std::move(root), *std::move(blobs));
}

Result<ImageLayout> ImageLayout::openOrCreate(std::string directory) {
  auto root = makeDirectory(directory, 0755);
  if (!root) return fail(std::move(root).error());
  auto outer = makeInside(root->get(), "blobs");
  if (!outer) return fail(std::move(outer).error().within(directory));
  auto blobs = makeInside(outer->get(), "sha256");
  if (!blobs) return fail(std::move(blobs).error().within(directory));
  ImageLayout layout(std::move(directory), *std::move(root), *std::move(blobs));

  auto lock = lockIndex(layout.directory_);
  if (!lock) return fail(std::move(lock).error());
  struct stat status{};
  if (fstatat(layout.root_.get(), kIndex, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    const Index empty{std::string(kOciIndex), {}, {}};
    if (auto written = layout.replaceFile(kIndex, toJson(empty)); !written) return fail(std::move(written).error());
  }
  if (fstatat(layout.root_.get(), kMark, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (auto written = layout.replaceFile(kMark, kMarkContent); !written) return fail(std::move(written).error());
  }
  if (auto checked = checkMark(layout.root_.get()); !checked) {
    return fail(std::move(checked).error().within(layout.directory_));
  }
  return layout;
}

Result<void> ImageLayout::replaceFile(const std::string& name, std::string_view content) const {
  auto file = IncomingFile::create(root_.get());
  if (!file) return fail(std::move(file).error());
  if (auto written = file->append(content); !written) return written;
  return (*std::move(file)).publish(name);
}

Result<Index> ImageLayout::index() const {
  auto text = readFileBeneath(root_.get(), kIndex, kMaxDocumentBytes, Resolve::kNoLinks);
  if (!text) return fail(std::move(text).error().within(directory_));
  auto document = parseDocument(*text, {});
  if (!document) return fail(std::move(document).error().within(directory_ + "/" + kIndex));
  auto* index = std::get_if<Index>(&*document);
  if (index == nullptr) return fail(ErrorCode::kInvalid, directory_ + "/" + kIndex + ": a manifest, not an index");
  return std::move(*index);
}

Result<void> ImageLayout::replaceIndex(const Index& index) const {
  auto lock = lockIndex(directory_);
  if (!lock) return fail(std::move(lock).error());
  return replaceFile(kIndex, toJson(index));
}

Result<void> ImageLayout::addToIndex(Descriptor manifest, const std::string& name) const {
  auto lock = lockIndex(directory_);
  if (!lock) return fail(std::move(lock).error());
  auto now = index();
  if (!now) return fail(std::move(now).error());
  if (!name.empty()) manifest.annotations[std::string(kRefName)] = name;
  std::erase_if(now->manifests, [&](const Descriptor& entry) {
    return nameIn(entry) == name && (!name.empty() || entry.digest == manifest.digest);
  });
  now->manifests.push_back(std::move(manifest));
  if (now->manifests.size() > kMaxIndexEntries) {
    return fail(ErrorCode::kExhausted, fmt::format("{} holds {} images already", directory_, kMaxIndexEntries));
  }
  return replaceFile(kIndex, toJson(*now));
}

Result<FileDescriptor> ImageLayout::openBlob(const Descriptor& blob) const {
  auto file = openBeneath(blobs_.get(), blob.digest.toHex(), O_RDONLY | O_NONBLOCK | O_NOCTTY, Resolve::kNoLinks);
  if (!file) return fail(std::move(file).error().within("blob of " + directory_));
  struct stat status{};
  if (fstat(file->get(), &status) != 0) return fail(Error::fromErrno("fstat", errno));
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::kInvalid, toString(blob.digest) + ": not a regular file");
  if (static_cast<std::uint64_t>(status.st_size) != blob.size) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("{} has {} bytes where {} are due", toString(blob.digest), status.st_size, blob.size));
  }
  return file;
}

bool ImageLayout::has(const Descriptor& blob) const {
  return openBlob(blob).has_value();
}

Result<std::string> ImageLayout::readDocument(const Descriptor& blob) const {
  auto text = readFileBeneath(blobs_.get(), blob.digest.toHex(), kMaxDocumentBytes, Resolve::kNoLinks);
  if (!text) return fail(std::move(text).error().within("blob of " + directory_));
  if (text->size() != blob.size || digestOf(*text) != blob.digest) {
    return fail(ErrorCode::kCorrupt, toString(blob.digest) + " in " + directory_ + " is not what its name says");
  }
  return text;
}

Result<IncomingFile> ImageLayout::beginBlob() const {
  return IncomingFile::create(blobs_.get());
}

Result<void> ImageLayout::endBlob(IncomingFile file, const Digest& digest) const {
  return std::move(file).publish(digest.toHex());
}

Result<void> ImageLayout::takeBlob(const ImageLayout& from, const Descriptor& blob) const {
  if (has(blob)) return {};
  if (!from.has(blob)) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{} is not there, or has not {} bytes", toString(blob.digest), blob.size));
  }
  const std::string name = blob.digest.toHex();
  if (linkat(from.blobs_.get(), name.c_str(), blobs_.get(), name.c_str(), 0) == 0 || errno == EEXIST) {
    return fsync(blobs_.get()) == 0 ? Result<void>() : fail(Error::fromErrno(directory_, errno));
  }
  return fail(Error::fromErrno(name, errno));
}

Result<Descriptor> ImageLayout::putDocument(std::string_view bytes, std::string_view media_type) const {
  Descriptor descriptor{std::string(media_type), digestOf(bytes), bytes.size(), {}, {}};
  if (has(descriptor)) return descriptor;
  auto file = beginBlob();
  if (!file) return fail(std::move(file).error());
  if (auto written = file->append(bytes); !written) return fail(std::move(written).error());
  if (auto ended = endBlob(*std::move(file), descriptor.digest); !ended) return fail(std::move(ended).error());
  return descriptor;
}

Result<void> ImageLayout::removeBlob(const Digest& digest) const {
  if (unlinkat(blobs_.get(), digest.toHex().c_str(), 0) == 0 || errno == ENOENT) return {};
  return fail(Error::fromErrno(toString(digest), errno));
}

void ImageLayout::removeLeftovers() const {
  removeUnlocked(blobs_.get(), kIncomingPrefix);
  removeUnlocked(root_.get(), kIncomingPrefix);
}

}  // namespace wasabi::oci
