// Media types of the documents and layers that are understood.
#pragma once

#include <cstdint>
#include <string_view>

namespace wasabi::oci {

inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json";
// Schema 1 of Docker: not understood, but named in the refusal.
inline constexpr std::string_view kDockerSchema1Prefix = "application/vnd.docker.distribution.manifest.v1+";

inline constexpr std::string_view kOciImageConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kDockerImageConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kOciLayerTar = "application/vnd.oci.image.layer.v1.tar";

// The artifact layout of the CNCF's Wasm working group.
inline constexpr std::string_view kWasmConfig = "application/vnd.wasm.config.v0+json";
inline constexpr std::string_view kWasmLayer = "application/wasm";

enum class LayerKind : std::uint8_t {
  kTar,      // a tar archive, plain or packed by gzip or zstd: what of it is told by its bytes
  kWasm,     // the bytes of a module or component
  kForeign,  // lies elsewhere, not in the registry
  kEncrypted,
  kUnknown,
};

LayerKind layerKind(std::string_view media_type);

// A media type as a header has it, without parameters ("; charset=utf-8").
std::string_view withoutParameters(std::string_view media_type);

}  // namespace wasabi::oci
