#include "oci/unpacked_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/check.h"

namespace wasabi::oci {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;

std::string_view problemOf(archive* reader) {
  const char* text = archive_error_string(reader);
  return text == nullptr ? "unknown fault" : text;
}

}  // namespace

void UnpackedStream::ArchiveDeleter::operator()(archive* reader) const {
  archive_read_free(reader);
}

UnpackedStream::UnpackedStream(int fd, const StreamLimits& limits, std::stop_token stop)
    : fd_(fd),
      limits_(limits),
      stop_(std::move(stop)),
      piece_(std::make_unique<char[]>(kPieceBytes)),
      reader_(archive_read_new()) {
  WASABI_CHECK(reader_ != nullptr);
}

UnpackedStream::~UnpackedStream() = default;

Result<std::unique_ptr<UnpackedStream>> UnpackedStream::open(int fd, const StreamLimits& limits, std::stop_token stop) {
  std::unique_ptr<UnpackedStream> stream(new UnpackedStream(fd, limits, std::move(stop)));
  if (auto begun = stream->begin(); !begun) return fail(std::move(begun).error());
  return stream;
}

Result<void> UnpackedStream::begin() {
  archive* reader = reader_.get();
  archive_read_support_filter_gzip(reader);
  archive_read_support_filter_zstd(reader);
  // The "format" of one file without a name: the unpacked bytes as they are.
  archive_read_support_format_raw(reader);
  archive_read_support_format_empty(reader);
  if (archive_read_open(reader, this, nullptr, readPacked, nullptr) != ARCHIVE_OK) {
    return fail(ErrorCode::kCorrupt, fmt::format("cannot be unpacked: {}", problemOf(reader)));
  }
  archive_entry* entry = nullptr;
  const int status = archive_read_next_header(reader, &entry);
  if (status == ARCHIVE_EOF) at_end_ = true;
  if (status < ARCHIVE_WARN) return fail(ErrorCode::kCorrupt, fmt::format("cannot be unpacked: {}", problemOf(reader)));
  return {};
}

long UnpackedStream::readPacked(archive* reader, void* self, const void** buffer) {
  auto& stream = *static_cast<UnpackedStream*>(self);
  while (true) {
    const ssize_t got = pread(stream.fd_, stream.piece_.get(), kPieceBytes, static_cast<off_t>(stream.packed_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      archive_set_error(reader, errno, "the file cannot be read");
      return -1;
    }
    stream.packed_ += static_cast<std::uint64_t>(got);
    *buffer = stream.piece_.get();
    return got;
  }
}

Result<std::string_view> UnpackedStream::next() {
  if (stop_.stop_requested()) return fail(ErrorCode::kUnavailable, "cancelled");
  const void* data = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  while (!at_end_ && size == 0) {
    const int status = archive_read_data_block(reader_.get(), &data, &size, &offset);
    if (status == ARCHIVE_EOF) {
      at_end_ = true;
    } else if (status != ARCHIVE_OK) {
      return fail(ErrorCode::kCorrupt, fmt::format("cannot be unpacked: {}", problemOf(reader_.get())));
    }
  }
  if (at_end_) return std::string_view();
  unpacked_ += size;
  if (unpacked_ > limits_.bytes.value) {
    return fail(ErrorCode::kExhausted, fmt::format("unpacks to more than {}", toString(limits_.bytes)));
  }
  if (unpacked_ > limits_.ratio_grace.value && unpacked_ / limits_.ratio > packed_) {
    return fail(ErrorCode::kExhausted,
                fmt::format("unpacks to more than {} times its size: taken for a decompression bomb", limits_.ratio));
  }
  const std::string_view bytes(static_cast<const char*>(data), size);
  hash_.update(bytes);
  return bytes;
}

Result<Digest> UnpackedStream::finish() {
  while (!at_end_) {
    if (auto bytes = next(); !bytes) return fail(std::move(bytes).error());
  }
  return Digest{hash_.finish()};
}

}  // namespace wasabi::oci
