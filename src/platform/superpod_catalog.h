// The directory that one superpod sees (ARCHITECTURE.md): what its box has to know of the versions it hosts, and
// nothing of others.
//
//   <directory>/catalog/<tenant>/<function>@<n>.toml    manifest for the box, made from the version's settings
//   <directory>/catalog/files/<digest>/...              hard links of the function's files
//   <directory>/store/<fingerprint>/<digest>.cwasm      hard link of the compiled module
//   <secrets>/<tenant>/<NAME>                           values of secrets, mode 0600, in a file system in memory
//
// Everything has its name only when it is complete, the manifest last. One owner, one thread at a time. Calls block on
// the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "platform/blobs.h"
#include "platform/secret_value.h"
#include "platform/version.h"

namespace wasabi::platform {

struct SuperpodPlace {
  std::string directory;    // absolute, on the file system of the data directory; made if absent
  std::string secrets;      // absolute, on tmpfs or ramfs; made if absent
  std::string fingerprint;  // of the engine
  // Who the box runs as, where that is somebody else.
  std::optional<std::uint32_t> user;
  std::optional<std::uint32_t> group;
};

// What this superpod may give the function: its part of what the function may have over the whole machine.
struct SuperpodShare {
  std::optional<double> cpu;  // cores
  std::uint32_t concurrency = 1;
};

class SuperpodCatalog {
 public:
  using GetSecret = std::function<Result<SecretValue>(const std::string& tenant, const std::string& name)>;

  // Takes over what a superpod that is still running has there; clear() for a new one. `blobs` outlives this.
  static Result<SuperpodCatalog> open(const Blobs& blobs, SuperpodPlace place, GetSecret get_secret);

  // Again with another share or changed secrets: replaced. kNotFound: not compiled for this engine, or a secret is
  // missing. A box has to be told afterwards (`ensure`, or `reload` for one that was placed before).
  Result<void> place(const Version& version, const SuperpodShare& share);
  // Without effect if it is not there.
  Result<void> remove(const VersionName& version);
  Result<void> clear();

  std::vector<VersionName> placed() const;

 private:
  struct Placed {
    Digest module;
    std::optional<Digest> files;
    std::set<std::string> secrets;
  };

  SuperpodCatalog(const Blobs& blobs, SuperpodPlace place, GetSecret get_secret);
  std::string manifestPath(const VersionName& version) const;
  std::string modulePath(const Digest& module) const;
  std::string filesPath(const Digest& files) const;

  Result<void> makeAll() const;
  Result<void> giveToBox(const std::string& path) const;
  Result<void> adopt();
  Result<void> linkModule(const Digest& module) const;
  Result<void> linkFiles(const Digest& files) const;
  Result<void> writeSecrets(const FunctionName& name, const std::set<std::string>& secrets) const;
  Result<void> dropUnused();

  const Blobs* blobs_;
  SuperpodPlace place_;
  GetSecret get_secret_;
  std::map<VersionName, Placed> placed_;
};

}  // namespace wasabi::platform
