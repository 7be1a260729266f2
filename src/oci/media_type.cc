#include "oci/media_type.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace wasabi::oci {
namespace {

constexpr std::array<std::string_view, 6> kTarLayers = {
    kOciLayerTar,
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
};

// What tools wrote before the working group settled on one.
constexpr std::array<std::string_view, 6> kWasmLayers = {
    kWasmLayer,
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
    "application/vnd.w3c.wasm.module.v1+wasm",
    "application/vnd.w3c.wasm.component.v1+wasm",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
};

}  // namespace

LayerKind layerKind(std::string_view media_type) {
  if (std::ranges::find(kTarLayers, media_type) != kTarLayers.end()) return LayerKind::kTar;
  if (std::ranges::find(kWasmLayers, media_type) != kWasmLayers.end()) return LayerKind::kWasm;
  if (media_type.ends_with("+encrypted")) return LayerKind::kEncrypted;
  if (media_type.find(".nondistributable.") != std::string_view::npos ||
      media_type.find(".rootfs.foreign.") != std::string_view::npos) {
    return LayerKind::kForeign;
  }
  return LayerKind::kUnknown;
}

std::string_view withoutParameters(std::string_view media_type) {
  return trim(media_type.substr(0, media_type.find(';')));
}

}  // namespace wasabi::oci
