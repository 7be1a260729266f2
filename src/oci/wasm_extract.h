// The module of an image, as a blob of its own.
#pragma once

#include <stop_token>

#include "base/error.h"
#include "oci/image_layout.h"
#include "oci/manifest.h"

namespace wasabi::oci {

// The layers that wasmLayers() names must be in the layout. A packed module is taken out of its archive (bounded by
// kMaxWasmBytes) and becomes a blob of the layout, named by its own digest. kInvalid if there is not exactly one, or if
// it does not begin as WebAssembly does. Blocks.
Result<Descriptor> wasmBlob(const ImageLayout& layout, const Manifest& manifest, std::stop_token stop);

}  // namespace wasabi::oci
