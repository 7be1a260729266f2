// Images and modules from a registry into an image layout.
#pragma once

#include "base/error.h"
#include "oci/image_choice.h"
#include "oci/image_layout.h"
#include "oci/reference.h"
#include "oci/registry_client.h"

namespace wasabi::oci {

// Fetches manifest, config and layers of a container's image and enters it in the index of `into` by the reference.
// `choice.name` is not looked at. What `into` has already is not fetched; an image for another platform is refused
// before its layers are. With the result: readImageConfig(), then RootStore::ensure(). The digest of the descriptor
// pins it.
Result<Image> pullImage(RegistryClient& client, const Reference& reference, const ImageChoice& choice,
                        const ImageLayout& into, const TransferControl& control);

struct PulledWasm {
  Image image;
  Descriptor module;  // a blob of the layout
};

// The same for what holds one WebAssembly module: only the layers that have it are fetched. Not entered in the index.
Result<PulledWasm> pullWasm(RegistryClient& client, const Reference& reference, const ImageLayout& into,
                            const TransferControl& control);

}  // namespace wasabi::oci
