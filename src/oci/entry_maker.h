// Makes what one entry of a layer says, at one place of a root file system.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "oci/root_tree.h"
#include "oci/tar_reader.h"
#include "oci/unpack_options.h"

namespace wasabi::oci {

// Not thread-safe.
class EntryMaker {
 public:
  EntryMaker(RootTree tree, const UnpackOptions& options) : tree_(std::move(tree)), options_(options) {}

  // Replaces what is there, unless both are directories. The place of the root itself has no name.
  Result<void> make(TarReader& tar, const TarEntry& entry, const Place& place);
  // What lay at `path` was removed, with all below it: nothing is left to do for it.
  void forget(const std::string& path);
  // Gives directories their modes, owners and times, which later entries would have changed or been hindered by. Once.
  Result<void> finish();

  const UnpackReport& report() const { return report_; }
  // With Owners::kRecord: for each path "<uid> <gid> <path>\0", in the order of paths; root:root is left out.
  std::string recordedOwners() const;

 private:
  struct Attributes {
    mode_t mode = 0755;
    uid_t uid = 0;
    gid_t gid = 0;
    std::int64_t mtime_seconds = 0;
    long mtime_nanoseconds = 0;
    std::vector<std::pair<std::string, std::string>> xattrs;
  };

  Result<void> clear(const Place& place, bool keep_directory);
  Result<Attributes> attributesOf(const TarEntry& entry);
  Result<void> makeDirectory(const Place& place, Attributes attributes);
  Result<void> makeFile(TarReader& tar, const TarEntry& entry, const Place& place, const Attributes& attributes);
  Result<void> makeSymlink(const TarEntry& entry, const Place& place, const Attributes& attributes);
  Result<void> makeHardLink(const TarEntry& entry, const Place& place);
  Result<void> makeFifo(const Place& place, const Attributes& attributes);
  Result<void> setAttributes(int fd, const std::string& path, const Attributes& attributes);
  Result<void> own(const Place& place, const Attributes& attributes);
  void record(const std::string& path, const Attributes& attributes);

  RootTree tree_;
  UnpackOptions options_;
  UnpackReport report_;
  std::map<std::string, Attributes> directories_;  // by path; see finish()
  std::map<std::string, std::pair<uid_t, gid_t>> owners_;
};

}  // namespace wasabi::oci
