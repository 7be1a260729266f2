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
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "catalog/function_spec.h"
#include "catalog/held_file.h"

namespace wasabi::catalog {

// The public half of the builder's key; what a box has.
struct VerifyKey {
  std::array<std::uint8_t, 32> bytes{};
  bool operator==(const VerifyKey&) const = default;
};
// From PEM, as in the file that the builder writes beside its key (`<key file>.pub`): for a box without a builder.
Result<VerifyKey> parseVerifyKey(std::string_view pem);

class ModuleStore {
 public:
  static Result<std::unique_ptr<ModuleStore>> open(std::string directory, std::string engine_fingerprint,
                                                   VerifyKey key);
  ~ModuleStore();

  // A verified compiled module, open for reading and held from before it was verified. kNotFound: not built yet.
  // kCorrupt: present and refused (damaged, truncated, foreign, signed by somebody else, or being written); the message
  // says which, and a rebuild replaces it. The file is code and then the trailer; a mapping of it begins with the code.
  Result<HeldFile> openVerified(const ModuleDigest& module);

  // Whether there is a file of it, good or not.
  bool has(const ModuleDigest& module) const;

  // Modules that the store holds for other engines and not for this one: after an upgrade of the engine these are
  // worth building before they are asked for.
  std::vector<ModuleDigest> builtForOtherEngines() const;

 private:
  struct Impl;
  explicit ModuleStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::catalog
