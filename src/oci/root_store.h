// Root file systems of images, unpacked once and named by what they hold.
//
//   <directory>/<chain id>[-shift-<first id>|-recorded]/rootfs    the files
//                                                      /owners    with Owners::kRecord (EntryMaker::recordedOwners)
//   <directory>/.unpacking-*                                      being made, locked by who makes it
//
// <directory> is mode 0711, those in it 0700 (with Owners::kShift they belong to `first_id`): in a root file system lie
// files of any mode and owner that no user of the host may use.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "oci/image_config.h"
#include "oci/image_layout.h"
#include "oci/unpack_options.h"

namespace wasabi::oci {

struct UnpackedRoot {
  Digest chain_id;
  std::string path;                    // of rootfs
  std::optional<UnpackReport> report;  // none where it was there already
};

// Thread-safe, and several processes may use one directory: who comes second finds or discards.
class RootStore {
 public:
  static Result<RootStore> open(std::string directory, Ownership ownership);

  // The image's root file system: found, or unpacked whole (to a directory of its own, synced, renamed). Blocks.
  // `options.ownership` is not looked at: the store's own is taken.
  Result<UnpackedRoot> ensure(const ImageLayout& layout, const Manifest& manifest, const ImageConfig& config,
                              UnpackOptions options) const;
  std::optional<UnpackedRoot> find(const Digest& chain_id) const;
  std::vector<Digest> list() const;
  // Nobody may use it any more.
  Result<void> remove(const Digest& chain_id) const;
  // Removes what crashes left. Call it before anything else.
  void removeLeftovers() const;

 private:
  RootStore(std::string directory, FileDescriptor fd, Ownership ownership)
      : directory_(std::move(directory)), fd_(std::move(fd)), ownership_(ownership) {}

  std::string nameOf(const Digest& chain_id) const;
  Result<UnpackReport> unpackTo(int scratch_fd, const ImageLayout& layout, const Manifest& manifest,
                                const ImageConfig& config, const UnpackOptions& options) const;

  std::string directory_;
  FileDescriptor fd_;
  Ownership ownership_;
};

}  // namespace wasabi::oci
