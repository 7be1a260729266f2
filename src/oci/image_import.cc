#include "oci/image_import.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "oci/archive_content.h"
#include "oci/beneath.h"
#include "oci/image_config.h"
#include "oci/scratch_directory.h"

namespace wasabi::oci {
namespace {

constexpr std::string_view kScratchPrefix = ".importing-";
constexpr std::size_t kPieceBytes = 256 << 10;

Result<void> copyBlob(const ImageLayout& from, const Descriptor& blob, const ImageLayout& into,
                      const std::stop_token& stop) {
  if (into.has(blob)) return {};
  auto source = from.openBlob(blob);
  if (!source) return fail(std::move(source).error());
  auto copy = into.beginBlob();
  if (!copy) return fail(std::move(copy).error());
  Sha256 hash;
  std::vector<char> piece(kPieceBytes);
  while (true) {
    if (stop.stop_requested()) return fail(ErrorCode::kUnavailable, "cancelled");
    const ssize_t got = read(source->get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Error::fromErrno("read", errno));
    if (got == 0) break;
    const std::string_view bytes(piece.data(), static_cast<std::size_t>(got));
    hash.update(bytes);
    if (auto written = copy->append(bytes); !written) return written;
  }
  const Digest found{hash.finish()};
  if (found != blob.digest) {
    return fail(ErrorCode::kCorrupt, fmt::format("a blob of {} is named {} and has the digest {}", from.directory(),
                                                 toString(blob.digest), toString(found)));
  }
  return into.endBlob(*std::move(copy), found);
}

std::vector<Descriptor> blobsOf(const Image& image) {
  std::vector<Descriptor> blobs = image.manifest.layers;
  blobs.push_back(image.manifest.config);
  blobs.push_back(image.descriptor);
  return blobs;
}

// A container's image is refused before its layers are copied.
Result<void> checkChosen(const ImageLayout& from, const Image& image, const ImageChoice& choice) {
  if (choice.wasm) return {};
  auto config = readImageConfig(from, image.manifest, choice.platform);
  if (!config) return fail(std::move(config).error());
  return {};
}

Result<Image> importLayout(const std::string& path, const ImageLayout& into, const ImportOptions& options) {
  auto from = ImageLayout::open(path);
  if (!from) return fail(std::move(from).error());
  auto image = findImage(*from, options.choice);
  if (!image) return image;
  if (auto checked = checkChosen(*from, *image, options.choice); !checked) return fail(std::move(checked).error());
  if (auto copied = copyImage(*from, *image, into, options.stop); !copied) return fail(std::move(copied).error());
  return image;
}

Result<Image> importArchive(int archive_fd, const ImageLayout& into, const ImportOptions& options) {
  auto parent = openDirectory(into.directory());
  if (!parent) return fail(std::move(parent).error());
  auto directory = ScratchDirectory::make(parent->get(), kScratchPrefix);
  if (!directory) return fail(std::move(directory).error());
  auto scratch = ImageLayout::openOrCreate(into.directory() + '/' + directory->name() + "/layout");
  if (!scratch) return fail(std::move(scratch).error());
  auto content = ArchiveContent::read(archive_fd, *scratch, options);
  if (!content) return fail(std::move(content).error());
  if (auto indexed = indexArchive(*content, *scratch); !indexed) return fail(std::move(indexed).error());
  auto image = findImage(*scratch, options.choice);
  if (!image) return image;
  if (auto checked = checkChosen(*scratch, *image, options.choice); !checked) return fail(std::move(checked).error());
  for (const Descriptor& blob : blobsOf(*image)) {
    // The archive's files got their names in the scratch layout from their own digests.
    if (auto linked = into.takeBlob(*scratch, blob); !linked) return fail(std::move(linked).error());
  }
  return image;
}

}  // namespace

Result<void> copyImage(const ImageLayout& from, const Image& image, const ImageLayout& into, std::stop_token stop) {
  for (const Descriptor& blob : blobsOf(image)) {
    if (auto copied = copyBlob(from, blob, into, stop); !copied) return copied;
  }
  return {};
}

Result<Image> importImage(const std::string& path, const ImageLayout& into, const std::string& name,
                          const ImportOptions& options) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status{};
  if (!file.valid() || fstat(file.get(), &status) != 0) return fail(Error::fromErrno(path, errno));
  if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) {
    return fail(ErrorCode::kInvalid, path + ": neither a directory nor a regular file");
  }
  auto image = S_ISDIR(status.st_mode) ? importLayout(path, into, options) : importArchive(file.get(), into, options);
  if (!image) return fail(std::move(image).error().within(path));
  if (auto added = into.addToIndex(image->descriptor, name); !added) return fail(std::move(added).error());
  return image;
}

void removeImportLeftovers(const ImageLayout& into) {
  if (auto directory = openDirectory(into.directory())) removeUnlocked(directory->get(), kScratchPrefix);
}

}  // namespace wasabi::oci
