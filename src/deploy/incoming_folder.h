// A folder below incoming/ of the data directory, gone with this object with all that is still in it.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "platform/blobs.h"

namespace wasabi::deploy {

class IncomingFolder {
 public:
  static Result<IncomingFolder> make(const platform::Blobs& blobs) {
    auto path = blobs.makeIncomingFolder();
    if (!path) return fail(std::move(path).error());
    return IncomingFolder(*std::move(path));
  }
  IncomingFolder(IncomingFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  IncomingFolder& operator=(IncomingFolder&&) = delete;
  ~IncomingFolder() {
    std::error_code ignored;  // what cannot be removed now goes at the next start
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit IncomingFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace wasabi::deploy
