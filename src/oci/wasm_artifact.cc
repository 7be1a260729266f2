#include "oci/wasm_artifact.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "oci/json_document.h"
#include "oci/media_type.h"

namespace wasabi::oci {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kTitle = "org.opencontainers.image.title";

struct Foreign {
  std::string_view media_type_part;
  std::string_view reason;
};

// Things made of WebAssembly that are more than one module.
constexpr std::array kForeign = {
    Foreign{"vnd.fermyon.spin",
            "a Spin application, which is several parts and a runtime's settings; deploy the .wasm of its component "
            "instead"},
    Foreign{"vnd.wasmcloud.provider", "a provider of wasmCloud, which is a native program; deploy a component"},
    Foreign{"vnd.cncf.helm", "a Helm chart"},
    Foreign{"vnd.dev.cosign", "a signature, not what it signs"},
    Foreign{"vnd.dev.sigstore", "a signature, not what it signs"},
};

Result<void> refuseForeign(const Manifest& manifest) {
  const auto refuse = [](std::string_view media_type) -> Result<void> {
    for (const Foreign& foreign : kForeign) {
      if (media_type.find(foreign.media_type_part) == std::string_view::npos) continue;
      return fail(ErrorCode::kInvalid, fmt::format("this is {}", foreign.reason));
    }
    return {};
  };
  auto checked = refuse(manifest.artifact_type);
  if (checked) checked = refuse(manifest.config.media_type);
  for (const Descriptor& layer : manifest.layers) {
    if (checked) checked = refuse(layer.media_type);
  }
  return checked;
}

Result<void> checkLayer(const Descriptor& layer, LayerKind kind) {
  switch (kind) {
    case LayerKind::kTar:
    case LayerKind::kUnknown:  // licences, descriptions and the like beside the module
      return {};
    case LayerKind::kWasm:
      if (layer.size > kMaxWasmBytes.value) {
        return fail(ErrorCode::kExhausted,
                    fmt::format("its module has {} bytes of at most {}", layer.size, toString(kMaxWasmBytes)));
      }
      return {};
    case LayerKind::kForeign:
      return fail(ErrorCode::kInvalid, "a layer of it is not in the registry (a foreign layer)");
    case LayerKind::kEncrypted:
      return fail(ErrorCode::kInvalid, "a layer of it is encrypted");
  }
  return {};
}

}  // namespace

Result<WasmLayers> wasmLayers(const Manifest& manifest) {
  if (auto checked = refuseForeign(manifest); !checked) return fail(std::move(checked).error());
  std::vector<Descriptor> modules;
  std::vector<Descriptor> archives;
  for (const Descriptor& layer : manifest.layers) {
    const LayerKind kind = layerKind(layer.media_type);
    if (auto checked = checkLayer(layer, kind); !checked) return fail(std::move(checked).error());
    if (kind == LayerKind::kWasm) modules.push_back(layer);
    if (kind == LayerKind::kTar) archives.push_back(layer);
  }
  if (modules.size() > 1) {
    return fail(ErrorCode::kInvalid, fmt::format("it holds {} modules; a function is one", modules.size()));
  }
  if (modules.size() == 1) return WasmLayers{std::move(modules), false};
  if (!archives.empty()) return WasmLayers{std::move(archives), true};
  return fail(ErrorCode::kInvalid, fmt::format("no layer of it is WebAssembly or an archive (its first is '{}')",
                                               manifest.layers.empty() ? "none" : manifest.layers[0].media_type));
}

Result<Descriptor> chooseWasm(const Index& index) {
  constexpr std::array kSystems = {"wasip2"sv, "wasip1"sv, "wasi"sv, "js"sv};
  const Descriptor* chosen = nullptr;
  std::size_t rank_of_chosen = kSystems.size();
  for (const Descriptor& entry : index.manifests) {
    if (!entry.platform || !entry.platform->architecture.starts_with("wasm")) continue;
    const auto rank = static_cast<std::size_t>(std::ranges::find(kSystems, entry.platform->os) - kSystems.begin());
    if (chosen != nullptr && rank >= rank_of_chosen) continue;
    chosen = &entry;
    rank_of_chosen = rank;
  }
  if (chosen != nullptr) return *chosen;
  if (index.manifests.size() == 1) return index.manifests.front();
  return fail(ErrorCode::kNotFound, "none of its images is for WebAssembly (wasip2/wasm, wasip1/wasm or wasi/wasm)");
}

bool isWasm(std::string_view first_bytes) {
  return first_bytes.starts_with("\0asm"sv);
}

bool isComponent(std::string_view first_bytes) {
  // Behind the magic a version (2 bytes) and the layer (2 bytes): 0 is a module, 1 a component.
  return isWasm(first_bytes) && first_bytes.size() >= 8 && first_bytes[6] == 1 && first_bytes[7] == 0;
}

WasmArtifact makeWasmArtifact(const WasmArtifactInput& input) {
  Json config = {{"architecture", "wasm"},
                 {"os", input.component ? "wasip2" : "wasip1"},
                 {"layerDigests", {toString(input.digest)}}};
  const auto created = input.annotations.find("org.opencontainers.image.created");
  config["created"] = created == input.annotations.end() ? "1970-01-01T00:00:00Z" : created->second;
  if (input.component) config["component"] = {{"imports", input.imports}, {"exports", input.exports}};

  WasmArtifact artifact;
  artifact.config = toText(config);
  artifact.config_descriptor = {std::string(kWasmConfig), digestOf(artifact.config), artifact.config.size(), {}, {}};
  artifact.layer = {std::string(kWasmLayer), input.digest, input.size, {}, {}};
  if (!input.title.empty()) artifact.layer.annotations.emplace(kTitle, input.title);
  Manifest manifest{std::string(kOciManifest), {}, artifact.config_descriptor, {artifact.layer}, input.annotations};
  artifact.manifest = toJson(manifest);
  artifact.manifest_digest = digestOf(artifact.manifest);
  return artifact;
}

}  // namespace wasabi::oci
