#include "oci/pull.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "oci/image_config.h"
#include "oci/wasm_artifact.h"
#include "oci/wasm_extract.h"

namespace wasabi::oci {
namespace {

// Goes through indexes down to a manifest; all documents on the way are kept.
Result<Image> fetchManifest(RegistryClient& client, Reference reference, const ImageChoice& choice,
                            const ImageLayout& into, const TransferControl& control) {
  for (int depth = 0; depth <= kMaxIndexDepth; ++depth) {
    auto fetched = client.fetchDocument(reference, control);
    if (!fetched) return fail(std::move(fetched).error());
    if (auto put = into.putDocument(fetched->bytes, fetched->descriptor.media_type); !put)
      return fail(std::move(put).error());
    if (auto* manifest = std::get_if<Manifest>(&fetched->document)) {
      return Image{std::move(fetched->descriptor), std::move(*manifest)};
    }
    auto chosen = chooseFrom(std::get<Index>(fetched->document), choice);
    if (!chosen) return fail(std::move(chosen).error().within(toString(reference)));
    reference.digest = chosen->digest;
  }
  return fail(ErrorCode::kInvalid,
              fmt::format("{}: indexes nested deeper than {}", toString(reference), kMaxIndexDepth));
}

// Progress of several blobs as one.
Result<void> fetchBlobs(RegistryClient& client, const std::string& repository, const std::vector<Descriptor>& blobs,
                        const ImageLayout& into, const TransferControl& control) {
  std::uint64_t all = 0;
  for (const Descriptor& blob : blobs) {
    // Not by their sum: sizes of a manifest are whatever somebody wrote there.
    if (blob.size > client.limits().image.value - all) {
      return fail(ErrorCode::kExhausted,
                  fmt::format("{}: more than {} in all", repository, toString(client.limits().image)));
    }
    all += blob.size;
  }
  std::uint64_t before = 0;
  TransferControl each{control.stop, {}};
  if (control.progress) {
    each.progress = [&](std::uint64_t done, std::uint64_t) { control.progress(before + done, all); };
  }
  for (const Descriptor& blob : blobs) {
    if (auto fetched = client.fetchBlob(repository, blob, into, each); !fetched) return fetched;
    before += blob.size;
  }
  if (control.progress) control.progress(all, all);
  return {};
}

}  // namespace

Result<Image> pullImage(RegistryClient& client, const Reference& reference, const ImageChoice& choice,
                        const ImageLayout& into, const TransferControl& control) {
  auto image = fetchManifest(client, reference, choice, into, control);
  if (!image) return image;
  auto fetched = fetchBlobs(client, reference.repository, {image->manifest.config}, into, {control.stop, {}});
  if (!fetched) return fail(std::move(fetched).error());
  auto config = readImageConfig(into, image->manifest, choice.platform);
  if (!config) return fail(std::move(config).error().within(toString(reference)));
  fetched = fetchBlobs(client, reference.repository, image->manifest.layers, into, control);
  if (!fetched) return fail(std::move(fetched).error());
  if (auto added = into.addToIndex(image->descriptor, toString(reference)); !added)
    return fail(std::move(added).error());
  return image;
}

Result<PulledWasm> pullWasm(RegistryClient& client, const Reference& reference, const ImageLayout& into,
                            const TransferControl& control) {
  auto image = fetchManifest(client, reference, ImageChoice::webAssembly(), into, control);
  if (!image) return fail(std::move(image).error());
  auto layers = wasmLayers(image->manifest);
  if (!layers) return fail(std::move(layers).error().within(toString(reference)));
  auto fetched = fetchBlobs(client, reference.repository, layers->layers, into, control);
  if (!fetched) return fail(std::move(fetched).error());
  auto module = wasmBlob(into, image->manifest, control.stop);
  if (!module) return fail(std::move(module).error().within(toString(reference)));
  return PulledWasm{*std::move(image), *std::move(module)};
}

}  // namespace wasabi::oci
