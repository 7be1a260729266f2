// Applies layers, lowest first, to one root file system.
//
//   files, directories, links, hard links, pipes   made with their modes, times and owners
//   whiteouts (".wh.name", ".wh..wh..opq")         remove what lower layers put there
//   devices, sockets                               skipped and counted
//   set-id bits of files, xattrs but "user.*"      dropped and counted
//   paths with "..", links that climb above the root, names past the limits, bombs     refused
#pragma once

#include <set>
#include <string>

#include "base/error.h"
#include "oci/digest.h"
#include "oci/entry_maker.h"
#include "oci/root_tree.h"
#include "oci/tar_reader.h"
#include "oci/unpack_options.h"

namespace wasabi::oci {

// Not thread-safe. After an error the root is good for removal only.
class LayerUnpacker {
 public:
  // `root_fd` must outlive this object; nobody else may write there.
  static Result<LayerUnpacker> open(int root_fd, const UnpackOptions& options);

  // `blob_fd` is the layer, packed or not; `diff_id` the digest of its archive, unpacked: kCorrupt if it has another.
  Result<void> apply(int blob_fd, const Digest& diff_id);
  // Once, after the last layer.
  Result<void> finish() { return maker_.finish(); }

  UnpackReport report() const;
  // See EntryMaker.
  std::string recordedOwners() const { return maker_.recordedOwners(); }

 private:
  LayerUnpacker(RootTree tree, const UnpackOptions& options)
      : tree_(tree), options_(options), maker_(std::move(tree), options) {}

  Result<void> applyEntries(TarReader& tar);
  Result<void> applyEntry(TarReader& tar, const TarEntry& entry);
  Result<void> applyWhiteout(const Place& place);
  Result<void> removeLower(int directory_fd, const std::string& directory_path, const std::string& name);
  Result<void> removeLowerIn(int directory_fd, const std::string& directory_path);
  bool holdsOfThisLayer(const std::string& path) const;

  RootTree tree_;
  UnpackOptions options_;
  EntryMaker maker_;
  std::uint64_t entries_ = 0;
  std::uint64_t removed_ = 0;
  std::uint64_t archive_bytes_ = 0;
  std::set<std::string> of_this_layer_;  // what its whiteouts leave alone
};

}  // namespace wasabi::oci
