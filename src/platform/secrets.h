// Secrets of tenants: encrypted at rest by AES-256-GCM, one file for each tenant, under a key of this data directory.
//
//   keys/secret.key          32 bytes, mode 0600, made at the first start
//   secrets/<tenant>.json    name -> nonce, sealed value, when it was set
//
// A sealed value is bound to "<tenant>/<name>": it opens under no other name. Values are in memory only between here
// and who asked for them; nothing logs them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "platform/disk.h"
#include "platform/secret_value.h"

namespace wasabi::platform {

inline constexpr std::size_t kMaxSecretBytes = 64 << 10;
inline constexpr std::size_t kMaxSecretsOfTenant = 256;
inline constexpr std::size_t kMaxSecretBytesOfTenant = 1 << 20;

struct SecretInfo {
  std::string name;
  std::int64_t set_ms = 0;
};

// Thread-safe. Calls block on the disk.
class Secrets {
 public:
  // kCorrupt: a file is damaged, or the key is not the one that the secrets were sealed with.
  static Result<std::unique_ptr<Secrets>> open(Disk& disk);
  ~Secrets();

  // Of the form of an environment variable (catalog::isSecretName).
  Result<void> set(const std::string& tenant, const std::string& name, SecretValue value, std::int64_t now_ms);
  Result<SecretValue> get(const std::string& tenant, const std::string& name) const;
  Result<void> remove(const std::string& tenant, const std::string& name);
  Result<void> removeAllOf(const std::string& tenant);
  std::vector<SecretInfo> list(const std::string& tenant) const;  // by name
  bool has(const std::string& tenant, const std::string& name) const;

 private:
  struct Impl;
  explicit Secrets(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::platform
