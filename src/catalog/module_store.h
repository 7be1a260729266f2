// Compiled modules on disk, content-addressed and signed:
//
//   <store>/<engine fingerprint>/<module digest>.cwasm     native code with a signed trailer
//
// Native code is trusted code, so a file counts only if the builder signed it: Ed25519 over the engine fingerprint,
// the module digest and the SHA-256 of the code. It is checked on the open descriptor that is then mapped; a
// descriptor whose (device, inode, size, mtime, ctime) was verified before is not hashed again.
//
// Thread-safe. Calls block on the disk: not for an event loop's thread.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "catalog/function_spec.h"

namespace wasabi::catalog {

// The public half of the builder's key; what a box has.
struct VerifyKey {
  std::array<std::uint8_t, 32> bytes{};
};

class ModuleStore {
 public:
  static Result<std::unique_ptr<ModuleStore>> open(std::string directory, std::string engine_fingerprint,
                                                   VerifyKey key);
  ~ModuleStore();

  // A verified compiled module, open for reading. kNotFound: not built yet. kCorrupt: present and refused (damaged,
  // truncated, foreign, signed by somebody else); the message says which, and a rebuild replaces it.
  Result<FileDescriptor> openVerified(const ModuleDigest& module);

 private:
  struct Impl;
  explicit ModuleStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::catalog
