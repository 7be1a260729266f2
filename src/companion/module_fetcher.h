// Modules from registries, as files.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "catalog/function_spec.h"
#include "oci/image_layout.h"
#include "oci/registry_options.h"

namespace wasabi::companion {

struct FetchedModule {
  std::string file;
  catalog::ModuleDigest digest;
  std::string source;  // the reference, pinned by the digest of what it led to
};

// Blocks; called by several threads at once. Every blob is checked against its digest. An error's code as of
// oci::RegistryClient.
using FetchModule = std::function<Result<FetchedModule>(const std::string& reference, const std::stop_token& stop)>;

struct RegistryAccess {
  oci::RegistryOptions options;  // without credentials
  std::string credential_file;   // as `docker login` writes it, read anew each time; empty: anonymous
};

// Files of modules stay in the layout, which outlives what is returned, until dropFetched().
FetchModule fetchInto(const oci::ImageLayout& layout, RegistryAccess access);

// Removes all that was fetched; not while any of it is needed. What cannot be removed stays.
void dropFetched(const oci::ImageLayout& layout);

}  // namespace wasabi::companion
