// One blob into a registry.
#pragma once

#include <string>

#include "base/error.h"
#include "oci/manifest.h"
#include "oci/registry_session.h"

namespace wasabi::oci {

struct BlobSource {
  HttpBody body;           // all of it
  std::string mount_from;  // another repository of the registry that may have it; empty for none
};

// Nothing is sent if the registry has it, or can mount it from the other repository. Up to RegistryLimits::upload_chunk
// it goes up at once, else in chunks; a cut connection goes on behind what the registry got.
Result<void> uploadBlob(RegistrySession& session, const std::string& repository, const Descriptor& blob,
                        const BlobSource& source, const TransferControl& control);

Result<bool> registryHasBlob(RegistrySession& session, const std::string& repository, const Digest& digest,
                             const std::stop_token& stop);

}  // namespace wasabi::oci
