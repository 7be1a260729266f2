// A module into a registry, in the CNCF's layout for WebAssembly.
#pragma once

#include <string>

#include "base/error.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "oci/registry_client.h"

namespace wasabi::oci {

struct PushOptions {
  std::string title;        // file name to be shown; empty for none
  Annotations annotations;  // "org.opencontainers.image.*"
  std::string mount_from;   // another repository of the registry that may have the module; empty for none
};

struct PushedWasm {
  Digest manifest;  // pulling by it gets exactly this
  Digest module;
};

// The open file is read twice: its digest, then its bytes. kInvalid if it is no WebAssembly, kExhausted beyond
// kMaxWasmBytes.
Result<PushedWasm> pushWasm(RegistryClient& client, const Reference& reference, int wasm_fd, const PushOptions& options,
                            const TransferControl& control);

}  // namespace wasabi::oci
