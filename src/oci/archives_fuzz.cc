// Any bytes taken for an archive of files, a layer or an image are unpacked into their directory and nowhere else.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/check.h"
#include "oci/beneath.h"
#include "oci/file_archive.h"
#include "oci/image_import.h"
#include "oci/layer_unpacker.h"

namespace {

using namespace wasabi;
using namespace wasabi::oci;
namespace fs = std::filesystem;

constexpr StreamLimits kStream{ByteSize{4 << 20}, 200, ByteSize{1 << 20}};

// "room/<n>/inside" for each input, with "room/<n>" to look whether anything came out.
class Room {
 public:
  Room() {
    std::string pattern = (fs::temp_directory_path() / "wasabi-fuzz-XXXXXX").string();
    WASABI_CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
    fs::create_directory(path_ + "/inside");
    root_ = *openDirectory(path_ + "/inside");
  }
  ~Room() {
    WASABI_CHECK(std::distance(fs::directory_iterator(path_), {}) == 1);
    const fs::path path(path_);
    const auto parent = openDirectory(path.parent_path().string());
    WASABI_CHECK(parent && removeTree(parent->get(), path.filename().string()));
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  int root() const { return root_.get(); }
  std::string path(const std::string& name) const { return path_ + "/inside/" + name; }

 private:
  std::string path_;
  FileDescriptor root_;
};

FileDescriptor fileOf(std::string_view bytes) {
  FileDescriptor file(memfd_create("archive", MFD_CLOEXEC));
  WASABI_CHECK(file.valid() && writeAll(file.get(), bytes));
  return file;
}

void tryFiles(const Room& room, std::string_view bytes) {
  FileArchiveLimits limits;
  limits.archive = kStream;
  limits.files = ByteSize{1 << 20};
  limits.entries = 200;
  const FileDescriptor archive = fileOf(bytes);
  if (!unpackFiles(archive.get(), room.root(), limits, {})) return;
  for (const auto& entry : fs::recursive_directory_iterator(room.path(""))) {
    struct stat status{};
    WASABI_CHECK(lstat(entry.path().c_str(), &status) == 0);
    WASABI_CHECK(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISLNK(status.st_mode));
    const std::string name = entry.path().string().substr(room.path("").size());
    const auto reached = openBeneath(room.root(), name, O_PATH, Resolve::kBeneath);
    WASABI_CHECK(reached || reached.error().code() != ErrorCode::kDenied);
  }
}

void tryLayer(const Room& room, std::string_view bytes) {
  UnpackOptions options;
  options.limits.bytes = ByteSize{1 << 20};
  options.limits.entries = 200;
  options.limits.ratio_grace = ByteSize{1 << 20};
  options.ownership = {Owners::kRecord, 0, 0};
  auto unpacker = LayerUnpacker::open(room.root(), options);
  WASABI_CHECK(unpacker.has_value());
  const FileDescriptor archive = fileOf(bytes);
  // Its digest is known only where it is plain.
  if (unpacker->apply(archive.get(), digestOf(bytes))) static_cast<void>(unpacker->finish());
}

void tryImage(const Room& room, std::string_view bytes) {
  const std::string file = room.path("archive");
  const FileDescriptor archive(open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  WASABI_CHECK(archive.valid() && writeAll(archive.get(), bytes));
  const auto layout = ImageLayout::openOrCreate(room.path("layout"));
  WASABI_CHECK(layout.has_value());
  ImportOptions options;
  options.limits.archive = kStream;
  options.limits.entries = 200;
  static_cast<void>(importImage(file, *layout, "app", options));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Room room;
  switch (data[0]) {
    case 'l':
      tryLayer(room, bytes);
      break;
    case 'i':
      tryImage(room, bytes);
      break;
    default:
      tryFiles(room, bytes);
      break;
  }
  return 0;
}
