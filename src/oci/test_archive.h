// Archives for tests, byte by byte: what no honest tool would write, too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file_descriptor.h"
#include "oci/digest.h"

namespace wasabi::oci {

struct TestEntry {
  std::string path = {};
  char type = '0';  // '0' file, '1' hard link, '2' symlink, '3' '4' device, '5' directory, '6' pipe
  std::string content = {};
  std::string link = {};
  unsigned mode = 0644;
  unsigned uid = 0;
  unsigned gid = 0;
  long mtime = 1'000'000'000;
  std::vector<std::pair<std::string, std::string>> pax = {};  // records of an extended header before it
};

TestEntry fileEntry(std::string path, std::string content, unsigned mode = 0644);
TestEntry directoryEntry(std::string path, unsigned mode = 0755);
TestEntry symlinkEntry(std::string path, std::string target);
TestEntry hardLinkEntry(std::string path, std::string target);

// A tar archive with its end mark.
std::string tarOf(const std::vector<TestEntry>& entries);

enum class Packing { kNone, kGzip, kZstd };
std::string packed(std::string_view bytes, Packing packing);

// An open file in memory.
FileDescriptor memoryFile(std::string_view content);

}  // namespace wasabi::oci
