// Where an image or artifact lies: oci://host[:port]/repository[:tag][@sha256:...]
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "oci/digest.h"

namespace wasabi::oci {

struct Reference {
  std::string registry;          // "host", "host:port", "1.2.3.4:5000" or "[::1]:5000"; the host in lower case
  std::string repository;        // "library/nginx"
  std::string tag;               // empty only where a digest is named
  std::optional<Digest> digest;  // wins over the tag: what is fetched has it

  bool operator==(const Reference&) const = default;
  // What stands in the path of a request for the manifest: the digest if there is one, else the tag.
  std::string manifestName() const;
};

inline constexpr std::size_t kMaxRepositoryBytes = 255;
inline constexpr std::size_t kMaxTagBytes = 128;
inline constexpr std::size_t kMaxReferenceBytes = 1024;

// With or without "oci://". Without it the first part must look like a host (a dot, a port, or "localhost"), because
// "nginx" alone does not say where it is. "docker.io/nginx" is "docker.io/library/nginx", as everywhere. A reference
// with neither tag nor digest means "latest". kInvalid says what is wrong and how to write it.
Result<Reference> parseReference(std::string_view text);

// With its scheme; parses to the same.
std::string toString(const Reference& reference);

// The host (and port) that answers for a registry: docker.io's is another one than its name.
std::string apiHost(std::string_view registry);

// A host that is this machine: plain HTTP is used without being asked for.
bool isLoopback(std::string_view registry);

}  // namespace wasabi::oci
