// Images of container functions in the data directory: pulled or handed in, unpacked once, found again by their digest.
//
//   pull() or import() --> layers/ (blobs by digest, an OCI layout) --> images/<digest>.json, what keeps them
//   prepare()          --> roots/<chain id>, shared by all images and containers with the same layers
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "catalog/container_settings.h"
#include "deploy/remote.h"
#include "oci/image_choice.h"
#include "oci/image_config.h"
#include "oci/image_import.h"
#include "oci/image_layout.h"
#include "oci/image_user.h"
#include "oci/registry_options.h"
#include "oci/root_store.h"
#include "platform/blobs.h"

namespace wasabi::deploy {

// Fetches an image for this machine into a layout. Blocks; called by several threads at once.
using FetchImage = std::function<Result<oci::Image>(const oci::Reference& reference,
                                                    const std::optional<oci::Credentials>& credentials,
                                                    const oci::ImageLayout& into, const oci::TransferControl& control)>;
// `options` without credentials: each pull has its own.
FetchImage fetchImagesFromRegistries(oci::RegistryOptions options);

struct ImageLimits {
  oci::ImportLimits import;
  oci::UnpackLimits unpack;
  oci::Ownership owners = oci::Ownership::forThisProcess();  // of unpacked files
};

struct StoredImage {
  platform::Digest digest;  // of its manifest
  std::uint64_t bytes = 0;  // of its blobs
  std::string source;       // of a pulled one: its reference, pinned by the digest
};

// What is needed to run a container of it.
struct PreparedImage {
  std::string root;  // absolute; shared, not to be written
  std::vector<std::string> entry_point;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "NAME=value"
  std::string working_directory;
  oci::ImageUser user;
};

// Thread-safe. Calls block on the disk, and on registries.
class ImageStore {
 public:
  // `blobs` outlives this. What a crash left unfinished is removed: nobody else may use the directory.
  static Result<std::unique_ptr<ImageStore>> open(const platform::Blobs& blobs, FetchImage fetch, ImageLimits limits);

  Result<StoredImage> pull(const oci::Reference& reference, const std::optional<oci::Credentials>& credentials,
                           const oci::TransferControl& control) const;
  // An OCI layout or what `docker save` writes, as a folder or an archive.
  Result<StoredImage> import(const std::string& path, std::stop_token stop) const;
  // Whether it can be run with these settings; the error names the mend.
  Result<void> check(const platform::Digest& image, const catalog::ContainerSettings& settings) const;
  Result<std::uint64_t> bytesOf(const platform::Digest& image) const;
  // Unpacked if it is not there. `progress` of packed bytes, on the calling thread.
  Result<PreparedImage> prepare(const platform::Digest& image, const catalog::ContainerSettings& settings,
                                std::stop_token stop,
                                std::function<void(std::uint64_t done, std::uint64_t all)> progress) const;
  // Something is on its way in that may be made of layers that are there: those must not be collected.
  bool comesIn() const { return coming_ > 0; }
  std::string layersPath() const { return blobs_.layersPath(); }

 private:
  struct Parts {
    oci::Manifest manifest;
    oci::ImageConfig config;
  };
  ImageStore(const platform::Blobs& blobs, FetchImage fetch, ImageLimits limits, oci::ImageLayout layout,
             oci::RootStore roots);
  Result<StoredImage> keep(const oci::Image& image) const;
  Result<Parts> read(const platform::Digest& image) const;
  Result<oci::Descriptor> describe(const oci::Digest& blob) const;

  const platform::Blobs& blobs_;
  const FetchImage fetch_;
  const ImageLimits limits_;
  const oci::ImageLayout layout_;
  const oci::RootStore roots_;
  mutable std::atomic<std::uint32_t> coming_{0};
};

}  // namespace wasabi::deploy
