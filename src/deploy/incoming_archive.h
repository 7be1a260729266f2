// An archive that somebody sends, kept in incoming/ while it comes and gone with this object.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/units.h"
#include "deploy/incoming_folder.h"
#include "platform/blobs.h"

namespace wasabi::deploy {

// For one thread at a time; blocks on the disk.
class IncomingArchive {
 public:
  static Result<IncomingArchive> begin(const platform::Blobs& blobs, ByteSize limit);

  // kExhausted: more bytes than an archive may have.
  Result<void> write(std::string_view bytes);

  bool empty() const { return bytes_ == 0; }
  int file() const { return file_.get(); }
  std::string path() const { return folder_.path("archive"); }
  const IncomingFolder& folder() const { return folder_; }

 private:
  IncomingArchive(ByteSize limit, IncomingFolder folder, FileDescriptor file)
      : limit_(limit), folder_(std::move(folder)), file_(std::move(file)) {}

  ByteSize limit_;
  IncomingFolder folder_;
  FileDescriptor file_;
  std::uint64_t bytes_ = 0;
};

}  // namespace wasabi::deploy
