// What the manifest of a container function says beside what all functions have (docs/manifest.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"

namespace wasabi::catalog {

// When a started container may get requests: as soon as it accepts connections on its port, or once it answers a GET
// of `path` with a status below 400.
struct Readiness {
  std::string path;  // begins with '/'; empty: connections are enough
  bool operator==(const Readiness&) const = default;
};

struct ContainerSettings {
  // "oci://host/repository:tag", "oci://host/repository@sha256:...", or a path (an OCI layout or an archive of `docker
  // save`) relative to the manifest's folder.
  std::string image;
  std::vector<std::string> command;  // in place of the image's entry point; empty: the image's own
  std::uint16_t port = 8080;         // given to it as PORT
  Readiness readiness;
  Duration start_timeout = std::chrono::seconds(60);  // from its start until it is ready
  // "1000", "1000:1000", "name" or "name:group" as in an image's USER; nothing: the image's own.
  std::optional<std::string> user;
  bool operator==(const ContainerSettings&) const = default;
};

}  // namespace wasabi::catalog
