// Images from files: an OCI layout (directory or tar archive) or what `docker save` writes, of any version.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "oci/image_choice.h"
#include "oci/image_layout.h"
#include "oci/unpacked_stream.h"

namespace wasabi::oci {

struct ImportLimits {
  StreamLimits archive;  // unpacked; the archive itself may be packed by gzip or zstd
  std::uint64_t entries = 20'000;
};

struct ImportOptions {
  ImageChoice choice;
  ImportLimits limits;
  std::stop_token stop;
};

// Copies the chosen image's manifest, config and layers from `path` to `into`, every digest checked, and enters it in
// the index of `into` under `name` (empty: without). An archive needs as much room again while it is read: its content
// lies in a directory ".importing-*" beside the blobs of `into`. Blocks. kInvalid if `path` is nothing of that kind.
Result<Image> importImage(const std::string& path, const ImageLayout& into, const std::string& name,
                          const ImportOptions& options);

// Copies an image between layouts, every digest checked. Not entered in the index.
Result<void> copyImage(const ImageLayout& from, const Image& image, const ImageLayout& into, std::stop_token stop);

// Removes what crashed imports left in `into`. Call it before anything else.
void removeImportLeftovers(const ImageLayout& into);

}  // namespace wasabi::oci
