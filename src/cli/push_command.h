// wasabi push: a module into a registry, from where `wasabi deploy oci://...` and other tools get it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/error.h"

namespace wasabi::cli {

struct PushCommand {
  std::string file;             // .wasm
  std::string reference;        // "host/repository:tag", with or without "oci://"
  std::string credential_file;  // as Docker's config.json; need not be there
  std::string ca_file;          // PEM, in place of the machine's; empty for those
  bool plain_http = false;      // else only to this machine
  std::function<void(std::uint64_t done, std::uint64_t all)> progress;  // bytes; may be empty
};

struct Pushed {
  std::string reference;  // by digest: what is pulled by it is exactly this
  std::string module;     // "sha256:..."
};

// kNotFound: no such file, or registry has no such repository. kDenied: credentials. kInvalid: no WebAssembly.
Result<Pushed> push(const PushCommand& command);

}  // namespace wasabi::cli
