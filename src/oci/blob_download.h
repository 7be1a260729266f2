// One blob from a registry into an image layout.
#pragma once

#include <string>

#include "base/error.h"
#include "oci/image_layout.h"
#include "oci/registry_session.h"

namespace wasabi::oci {

// Nothing is fetched if it is there. A cut connection goes on where it was cut, as often as the limits allow; digest
// and size are checked before the blob gets its name. kCorrupt if the registry sends something else.
Result<void> downloadBlob(RegistrySession& session, const std::string& repository, const Descriptor& blob,
                          const ImageLayout& into, const TransferControl& control);

}  // namespace wasabi::oci
