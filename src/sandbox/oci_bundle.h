// What an OCI runtime is told about a superpod (https://github.com/opencontainers/runtime-spec).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/backend.h"

namespace wasabi::sandbox {

struct OciBundle {
  std::string root;           // the root file system, of the host
  std::string control_group;  // beneath the group that the server is in
  std::vector<std::string> command;
  SuperpodPaths paths;  // of the host
  Walls walls;
  std::vector<std::string> resolver_files;  // those of the host that exist
  // In a user namespace of its own, where nobody but this user and group of the host exists.
  struct User {
    std::uint32_t uid;
    std::uint32_t gid;
  };
  std::optional<User> user_namespace;
};

// The text of its config.json.
std::string ociConfig(const OciBundle& bundle);

}  // namespace wasabi::sandbox
