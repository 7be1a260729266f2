// Which of several images is meant, in an index or in an archive of many.
#pragma once

#include <string>

#include "base/error.h"
#include "oci/image_layout.h"
#include "oci/manifest.h"

namespace wasabi::oci {

struct ImageChoice {
  std::string name;   // in layouts and archives: "app:1", or all of "host/repo:tag"; empty where there is only one
  bool wasm = false;  // what is for WebAssembly; `platform` is not looked at
  Platform platform = hostPlatform();

  static ImageChoice webAssembly() { return {{}, true, {}}; }
};

// An image's manifest with the descriptor that names it.
struct Image {
  Descriptor descriptor;
  Manifest manifest;
};

// Indexes in indexes beyond it are refused.
inline constexpr int kMaxIndexDepth = 3;

// The entry for the platform, or for WebAssembly.
Result<Descriptor> chooseFrom(const Index& index, const ImageChoice& choice);

// kNotFound says which names the layout has.
Result<Image> findImage(const ImageLayout& layout, const ImageChoice& choice);

}  // namespace wasabi::oci
