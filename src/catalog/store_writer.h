// The writing half of the store of compiled modules. Only the builder has it.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "catalog/function_spec.h"
#include "catalog/signature.h"

namespace wasabi::catalog {

// A file of the store that has no name in it yet. It is gone with this object unless it was published, and after a
// crash with the next StoreWriter.
class UnfinishedFile {
 public:
  UnfinishedFile(int folder_fd, std::string name, FileDescriptor file)
      : folder_fd_(folder_fd), name_(std::move(name)), file_(std::move(file)) {}
  UnfinishedFile(UnfinishedFile&& other) noexcept;
  UnfinishedFile& operator=(UnfinishedFile&&) = delete;
  ~UnfinishedFile();

  int fd() const { return file_.get(); }
  const std::string& name() const { return name_; }
  // It has got its name: nothing is left to remove.
  void published() { name_.clear(); }

 private:
  int folder_fd_;
  std::string name_;
  FileDescriptor file_;
};

// Not thread-safe; several processes may write one store.
class StoreWriter {
 public:
  // Makes what is missing of the folders, and tries that it can write there.
  static Result<StoreWriter> open(const std::string& directory, const std::string& fingerprint);

  Result<UnfinishedFile> create() const;

  // Signs the code that the file holds and gives it its name, in place of any that has it. On disk when it returns.
  Result<void> publish(UnfinishedFile file, const ModuleDigest& module, const SigningKey& key) const;

  // Removes what crashed builders left, files of other engines that have been built anew for this one, and then the
  // files built longest ago until at most `limit` bytes are left. A mapped file lives on until it is unmapped.
  void collect(ByteSize limit) const;

 private:
  StoreWriter(std::string directory, std::string fingerprint, FileDescriptor root, FileDescriptor folder)
      : directory_(std::move(directory)),
        fingerprint_(std::move(fingerprint)),
        root_(std::move(root)),
        folder_(std::move(folder)) {}

  Result<void> appendTrailer(int fd, const ModuleDigest& module, const SigningKey& key) const;

  std::string directory_;
  std::string fingerprint_;
  FileDescriptor root_;
  FileDescriptor folder_;
};

}  // namespace wasabi::catalog
