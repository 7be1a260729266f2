// The builder's private key on disk.
#pragma once

#include <string>

#include "base/error.h"
#include "catalog/signature.h"

namespace wasabi::catalog {

// Reads the key, or makes one that is complete as soon as it has its name; several may do so at once and all get the
// same key. Refuses a key that anybody but its owner may read. Writes the public half to `<path>.pub`.
Result<SigningKey> loadOrCreateSigningKey(const std::string& path);

}  // namespace wasabi::catalog
