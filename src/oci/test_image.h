// An image in a layout, for tests.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/check.h"
#include "oci/image_choice.h"
#include "oci/image_config.h"
#include "oci/image_layout.h"
#include "oci/media_type.h"
#include "oci/test_archive.h"

namespace wasabi::oci {

inline std::string configText(const std::vector<std::string>& tars, const Platform& platform = hostPlatform()) {
  std::string diff_ids;
  for (const std::string& tar : tars) diff_ids += (diff_ids.empty() ? "\"" : ",\"") + toString(digestOf(tar)) + '"';
  return fmt::format(
      R"({{"os":"{}","architecture":"{}","config":{{"Cmd":["/app"]}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}})",
      platform.os, platform.architecture, diff_ids);
}

// Each tar is packed by gzip. The image is entered in the index under `name`.
inline Image putImage(const ImageLayout& layout, const std::vector<std::string>& tars, const std::string& name,
                      const Platform& platform = hostPlatform()) {
  Manifest manifest{
      std::string(kOciManifest), {}, *layout.putDocument(configText(tars, platform), kOciImageConfig), {}, {}};
  for (const std::string& tar : tars) {
    manifest.layers.push_back(*layout.putDocument(packed(tar, Packing::kGzip), std::string(kOciLayerTar) + "+gzip"));
  }
  Descriptor descriptor = *layout.putDocument(toJson(manifest), kOciManifest);
  WASABI_CHECK(layout.addToIndex(descriptor, name).has_value());
  return {std::move(descriptor), std::move(manifest)};
}

}  // namespace wasabi::oci
