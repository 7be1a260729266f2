#include "oci/test_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/check.h"
#include "oci/beneath.h"

namespace wasabi::oci {
namespace {

constexpr std::size_t kBlock = 512;
using Block = std::array<char, kBlock>;

void put(Block& block, std::size_t at, std::size_t size, std::string_view text) {
  std::memcpy(block.data() + at, text.data(), std::min(size, text.size()));
}

void padded(std::string& archive, std::string_view content) {
  archive += content;
  archive.append((kBlock - content.size() % kBlock) % kBlock, '\0');
}

void addHeader(std::string& archive, const TestEntry& entry, std::size_t size) {
  Block block{};
  put(block, 0, 100, entry.path);
  put(block, 100, 8, fmt::format("{:07o}", entry.mode));
  put(block, 108, 8, fmt::format("{:07o}", entry.uid));
  put(block, 116, 8, fmt::format("{:07o}", entry.gid));
  put(block, 124, 12, fmt::format("{:011o}", size));
  put(block, 136, 12, fmt::format("{:011o}", entry.mtime));
  put(block, 148, 8, "        ");
  block[156] = entry.type;
  put(block, 157, 100, entry.link);
  put(block, 257, 8, std::string_view("ustar\00000", 8));
  put(block, 329, 8, "0000001");
  put(block, 337, 8, "0000003");
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(block, 148, 8, fmt::format("{:06o}", sum));
  block[154] = '\0';
  archive.append(block.data(), block.size());
}

std::string paxRecord(const std::string& name, const std::string& value) {
  const std::string rest = ' ' + name + '=' + value + '\n';
  std::size_t size = rest.size() + 1;
  while (std::to_string(size).size() + rest.size() != size) ++size;
  return std::to_string(size) + rest;
}

}  // namespace

TestEntry fileEntry(std::string path, std::string content, unsigned mode) {
  TestEntry entry;
  entry.path = std::move(path);
  entry.content = std::move(content);
  entry.mode = mode;
  return entry;
}
TestEntry directoryEntry(std::string path, unsigned mode) {
  TestEntry entry;
  entry.path = std::move(path);
  entry.type = '5';
  entry.mode = mode;
  return entry;
}
TestEntry symlinkEntry(std::string path, std::string target) {
  TestEntry entry;
  entry.path = std::move(path);
  entry.type = '2';
  entry.link = std::move(target);
  entry.mode = 0777;
  return entry;
}
TestEntry hardLinkEntry(std::string path, std::string target) {
  TestEntry entry;
  entry.path = std::move(path);
  entry.type = '1';
  entry.link = std::move(target);
  return entry;
}

std::string tarOf(const std::vector<TestEntry>& entries) {
  std::string archive;
  for (const TestEntry& entry : entries) {
    if (!entry.pax.empty()) {
      std::string records;
      for (const auto& [name, value] : entry.pax) records += paxRecord(name, value);
      TestEntry header = fileEntry("pax", {});
      header.type = 'x';
      addHeader(archive, header, records.size());
      padded(archive, records);
    }
    addHeader(archive, entry, entry.content.size());
    padded(archive, entry.content);
  }
  archive.append(2 * kBlock, '\0');
  return archive;
}

std::string packed(std::string_view bytes, Packing packing) {
  if (packing == Packing::kNone) return std::string(bytes);
  std::string out(bytes.size() + (1 << 20), '\0');
  std::size_t used = 0;
  archive* writer = archive_write_new();
  if (packing == Packing::kGzip) {
    archive_write_add_filter_gzip(writer);
    // The same bytes in the next second, too.
    archive_write_set_filter_option(writer, "gzip", "timestamp", nullptr);
  }
  if (packing == Packing::kZstd) archive_write_add_filter_zstd(writer);
  archive_write_set_format_raw(writer);
  archive_write_set_bytes_in_last_block(writer, 1);
  WASABI_CHECK(archive_write_open_memory(writer, out.data(), out.size(), &used) == ARCHIVE_OK);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  WASABI_CHECK(archive_write_header(writer, entry) == ARCHIVE_OK);
  WASABI_CHECK(archive_write_data(writer, bytes.data(), bytes.size()) == static_cast<la_ssize_t>(bytes.size()));
  archive_entry_free(entry);
  WASABI_CHECK(archive_write_close(writer) == ARCHIVE_OK);
  archive_write_free(writer);
  out.resize(used);
  return out;
}

FileDescriptor memoryFile(std::string_view content) {
  FileDescriptor file(memfd_create("test", MFD_CLOEXEC));
  WASABI_CHECK(file.valid());
  WASABI_CHECK(writeAll(file.get(), content).has_value());
  return file;
}

}  // namespace wasabi::oci
