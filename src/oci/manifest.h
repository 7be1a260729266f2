// Image manifests and indexes, of OCI and of Docker (schema 2).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "oci/digest.h"

namespace wasabi::oci {

struct Platform {
  std::string os;
  std::string architecture;  // as Go names it: "amd64", "arm64"
  std::string variant;       // "v7"; empty for none

  bool operator==(const Platform&) const = default;
};
// "linux/amd64", "linux/arm/v7".
std::string toString(const Platform& platform);
// Linux on the processor this program was built for.
Platform hostPlatform();

using Annotations = std::map<std::string, std::string, std::less<>>;

// Names a blob: what it is, its digest and exactly how many bytes it has.
struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  std::optional<Platform> platform;  // in an index
  Annotations annotations;

  bool operator==(const Descriptor&) const = default;
};

struct Manifest {
  std::string media_type;
  std::string artifact_type;  // empty where none is said
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first
  Annotations annotations;

  bool operator==(const Manifest&) const = default;
};

struct Index {
  std::string media_type;
  std::vector<Descriptor> manifests;
  Annotations annotations;

  bool operator==(const Index&) const = default;
};

using Document = std::variant<Manifest, Index>;

// Manifests, indexes and configs beyond it are refused unread.
inline constexpr ByteSize kMaxDocumentBytes{4ull << 20};
inline constexpr std::size_t kMaxLayers = 256;
inline constexpr std::size_t kMaxIndexEntries = 1'000;
inline constexpr std::size_t kMaxAnnotations = 256;

// `media_type` is what the registry or descriptor called it; empty where nobody did. kInvalid if it is neither, both
// (what is a manifest to one reader and an index to another), or of another type than it was called.
Result<Document> parseDocument(std::string_view json, std::string_view media_type);

// Bytes to store or send; their digest is their name.
std::string toJson(const Manifest& manifest);
std::string toJson(const Index& index);

// The manifest for a platform. Entries that name none count only if they are alone; of variants the same one is taken,
// or one without. kNotFound lists what there is.
Result<Descriptor> choosePlatform(const Index& index, const Platform& wanted);

}  // namespace wasabi::oci
