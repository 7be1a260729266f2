// The registry that a reference names, as one pull speaks to it. Private to this layer.
#pragma once

#include <optional>
#include <utility>

#include "oci/credentials.h"
#include "oci/reference.h"
#include "oci/registry_client.h"

namespace wasabi::deploy {

// `options` of all pulls; the credentials are this one's.
inline Result<oci::RegistryClient> openRegistry(oci::RegistryOptions options, const oci::Reference& reference,
                                                const std::optional<oci::Credentials>& credentials) {
  options.credentials = credentials;
  return oci::RegistryClient::open(reference.registry, std::move(options));
}

}  // namespace wasabi::deploy
