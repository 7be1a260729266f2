// How WebAssembly lies in registries: which layer of a manifest is the module, and the manifest of one that is pushed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "oci/manifest.h"

namespace wasabi::oci {

// Modules beyond it are neither fetched, nor taken out of an archive, nor pushed.
inline constexpr ByteSize kMaxWasmBytes{256ull << 20};

// Which layers have to be fetched to get at the module.
struct WasmLayers {
  std::vector<Descriptor> layers;
  bool packed = false;  // false: one layer, its bytes are the module; true: tar archives with one .wasm file among them
};

// Understands the CNCF layout, the layouts that tools wrote before it, and ordinary images with a .wasm file in them.
// kInvalid says why a manifest is none of these (a Spin application, a provider of wasmCloud, several modules).
Result<WasmLayers> wasmLayers(const Manifest& manifest);

// The entry of an index that is for WebAssembly, components first. kNotFound if there is none.
Result<Descriptor> chooseWasm(const Index& index);

// True for a module and for a component: "\0asm".
bool isWasm(std::string_view first_bytes);
// True for a component only: by its first 8 bytes.
bool isComponent(std::string_view first_bytes);

struct WasmArtifact {
  std::string config;    // JSON, media type kWasmConfig
  std::string manifest;  // JSON, media type kOciManifest
  Descriptor config_descriptor;
  Descriptor layer;
  Digest manifest_digest;
};

struct WasmArtifactInput {
  Digest digest;  // of the module
  std::uint64_t size = 0;
  bool component = false;
  std::vector<std::string> imports;  // of a component: the interfaces; see component_names.h
  std::vector<std::string> exports;
  std::string title;        // file name to be shown; empty for none
  Annotations annotations;  // "org.opencontainers.image.*"
};

// Same input, same bytes: no time is written unless the annotations have one.
WasmArtifact makeWasmArtifact(const WasmArtifactInput& input);

}  // namespace wasabi::oci
