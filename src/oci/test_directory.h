// A directory for one test, gone with it, folders included that nobody may list.
#pragma once

#include <fcntl.h>

#include <filesystem>
#include <string>

#include "base/file_descriptor.h"
#include "base/test_directory.h"
#include "oci/beneath.h"

namespace wasabi::oci {

using wasabi::readWholeFile;

class TestDirectory : public wasabi::TestDirectory {
 public:
  TestDirectory() = default;
  ~TestDirectory() {
    const std::filesystem::path whole(path());
    const FileDescriptor parent(open(whole.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    (void)removeTree(parent.get(), whole.filename().string());
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
};

// The message of what failed; empty for what did not.
template <typename T>
std::string messageOf(const Result<T>& result) {
  return result ? std::string() : result.error().message();
}

}  // namespace wasabi::oci
