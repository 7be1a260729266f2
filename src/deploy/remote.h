// Where a module or an image lies that somebody else keeps.
#pragma once

#include <optional>
#include <string>

#include "oci/credentials.h"
#include "oci/reference.h"

namespace wasabi::deploy {

struct Remote {
  std::string reference;                        // "oci://host/repository:tag"
  std::optional<oci::Credentials> credentials;  // of that registry; none: anonymous. Kept for the one pull only
};

// As text, with the digest of what it led to.
inline std::string pinned(oci::Reference reference, const oci::Digest& digest) {
  reference.digest = digest;
  return oci::toString(reference);
}

}  // namespace wasabi::deploy
