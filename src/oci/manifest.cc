#include "oci/manifest.h"

#include <fmt/format.h>

#include <algorithm>

#include "oci/json_document.h"
#include "oci/media_type.h"

namespace wasabi::oci {
namespace {

// Descriptors with more are nonsense: nothing that is fetched is larger than 2^50 bytes.
constexpr std::uint64_t kMaxDescribedBytes = 1ull << 50;

Result<Annotations> parseAnnotations(const Json& object) {
  Annotations annotations;
  const Json& list = member(object, "annotations");
  if (list.is_null()) return annotations;
  if (!list.is_object()) return fail(ErrorCode::kInvalid, "'annotations' is no object");
  if (list.size() > kMaxAnnotations) {
    return fail(ErrorCode::kInvalid, fmt::format("{} annotations of at most {}", list.size(), kMaxAnnotations));
  }
  for (const auto& [name, value] : list.items()) {
    const auto* text = value.get_ptr<const std::string*>();
    if (text == nullptr) return fail(ErrorCode::kInvalid, "an annotation is no string");
    annotations.emplace(name, *text);
  }
  return annotations;
}

Result<std::optional<Platform>> parsePlatform(const Json& object) {
  const Json& described = member(object, "platform");
  if (!described.is_object()) return std::optional<Platform>();
  auto os = stringMember(described, "os");
  auto architecture = stringMember(described, "architecture");
  auto variant = stringMember(described, "variant");
  if (!os || !architecture || !variant) return fail(ErrorCode::kInvalid, "'platform' has a member that is no string");
  return std::optional<Platform>({*os, *architecture, *variant});
}

Result<Descriptor> parseDescriptor(const Json& object) {
  if (!object.is_object()) return fail(ErrorCode::kInvalid, "a descriptor is missing or no object");
  auto media_type = stringMember(object, "mediaType");
  auto digest_text = stringMember(object, "digest");
  if (!media_type) return fail(std::move(media_type).error());
  if (!digest_text) return fail(std::move(digest_text).error());
  auto digest = parseDigest(*digest_text);
  if (!digest) return fail(std::move(digest).error());
  auto size = sizeMember(object, "size");
  if (!size) return fail(std::move(size).error());
  if (!*size || **size > kMaxDescribedBytes)
    return fail(ErrorCode::kInvalid, "a descriptor without a size that can be");
  auto platform = parsePlatform(object);
  if (!platform) return fail(std::move(platform).error());
  auto annotations = parseAnnotations(object);
  if (!annotations) return fail(std::move(annotations).error());
  return Descriptor{*std::move(media_type), *digest, **size, *std::move(platform), *std::move(annotations)};
}

Result<std::vector<Descriptor>> parseDescriptors(const Json& list, const char* name, std::size_t limit) {
  if (!list.is_array()) return fail(ErrorCode::kInvalid, fmt::format("'{}' is no list", name));
  if (list.size() > limit) {
    return fail(ErrorCode::kInvalid, fmt::format("'{}' has {} entries of at most {}", name, list.size(), limit));
  }
  std::vector<Descriptor> descriptors;
  descriptors.reserve(list.size());
  for (const Json& entry : list) {
    auto descriptor = parseDescriptor(entry);
    if (!descriptor) return fail(std::move(descriptor).error().within(fmt::format("{}[{}]", name, descriptors.size())));
    descriptors.push_back(*std::move(descriptor));
  }
  return descriptors;
}

Result<Document> parseManifest(const Json& json, std::string media_type) {
  auto config = parseDescriptor(member(json, "config"));
  if (!config) return fail(std::move(config).error().within("config"));
  auto layers = parseDescriptors(member(json, "layers"), "layers", kMaxLayers);
  if (!layers) return fail(std::move(layers).error());
  auto artifact_type = stringMember(json, "artifactType");
  if (!artifact_type) return fail(std::move(artifact_type).error());
  auto annotations = parseAnnotations(json);
  if (!annotations) return fail(std::move(annotations).error());
  return Manifest{std::move(media_type), *std::move(artifact_type), *std::move(config), *std::move(layers),
                  *std::move(annotations)};
}

Result<Document> parseIndex(const Json& json, std::string media_type) {
  auto manifests = parseDescriptors(member(json, "manifests"), "manifests", kMaxIndexEntries);
  if (!manifests) return fail(std::move(manifests).error());
  auto annotations = parseAnnotations(json);
  if (!annotations) return fail(std::move(annotations).error());
  return Index{std::move(media_type), *std::move(manifests), *std::move(annotations)};
}

bool isManifestType(std::string_view type) {
  return type == kOciManifest || type == kDockerManifest;
}
bool isIndexType(std::string_view type) {
  return type == kOciIndex || type == kDockerManifestList;
}

// What the document is, by its own word and the one of who gave it.
Result<std::string> agreedType(const Json& json, std::string_view told, bool is_index) {
  auto own = stringMember(json, "mediaType");
  if (!own) return fail(std::move(own).error());
  if (!own->empty() && !told.empty() && *own != told) {
    return fail(ErrorCode::kInvalid, fmt::format("called '{}', it calls itself '{}'", told, *own));
  }
  std::string type = own->empty() ? std::string(told) : *std::move(own);
  if (type.empty()) type = is_index ? kOciIndex : kOciManifest;
  if (is_index ? !isIndexType(type) : !isManifestType(type)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("'{}' is no media type of {}", type, is_index ? "an index" : "a manifest"));
  }
  return type;
}

Json toJsonValue(const Annotations& annotations) {
  Json json = Json::object();
  for (const auto& [name, value] : annotations) json[name] = value;
  return json;
}

Json toJsonValue(const Descriptor& descriptor) {
  Json json = {
      {"mediaType", descriptor.media_type}, {"digest", toString(descriptor.digest)}, {"size", descriptor.size}};
  if (descriptor.platform) {
    json["platform"] = {{"os", descriptor.platform->os}, {"architecture", descriptor.platform->architecture}};
    if (!descriptor.platform->variant.empty()) json["platform"]["variant"] = descriptor.platform->variant;
  }
  if (!descriptor.annotations.empty()) json["annotations"] = toJsonValue(descriptor.annotations);
  return json;
}

std::string listPlatforms(const Index& index) {
  constexpr std::size_t kListed = 12;
  std::string list;
  std::size_t listed = 0;
  for (const Descriptor& entry : index.manifests) {
    if (!entry.platform || entry.platform->os == "unknown") continue;
    if (listed++ == kListed) return list + ", ...";
    list += (list.empty() ? "" : ", ") + toString(*entry.platform);
  }
  return list.empty() ? "none" : list;
}

}  // namespace

std::string toString(const Platform& platform) {
  return fmt::format("{}/{}{}{}", platform.os, platform.architecture, platform.variant.empty() ? "" : "/",
                     platform.variant);
}

Platform hostPlatform() {
#if defined(__x86_64__)
  return {"linux", "amd64", {}};
#elif defined(__aarch64__)
  return {"linux", "arm64", {}};
#else
#error "name this processor as Go does"
#endif
}

Result<Document> parseDocument(std::string_view text, std::string_view media_type) {
  media_type = withoutParameters(media_type);
  if (media_type.starts_with(kDockerSchema1Prefix)) {
    return fail(ErrorCode::kInvalid, "a manifest of Docker's schema 1, which is not read; push the image anew");
  }
  // Registries of plain files call everything so.
  if (media_type == "application/json" || media_type == "application/octet-stream") media_type = {};
  if (text.size() > kMaxDocumentBytes.value) {
    return fail(ErrorCode::kInvalid,
                fmt::format("a manifest of {} bytes; at most {}", text.size(), toString(kMaxDocumentBytes)));
  }
  auto json = parseJsonObject(text, "the manifest");
  if (!json) return fail(std::move(json).error());
  if (member(*json, "schemaVersion") != 2) return fail(ErrorCode::kInvalid, "the manifest's schemaVersion is not 2");

  const bool is_index = json->contains("manifests");
  if (is_index && (json->contains("layers") || json->contains("config"))) {
    return fail(ErrorCode::kInvalid,
                "the document has both 'manifests' and 'layers' or 'config': what it is depends on who reads it");
  }
  auto type = agreedType(*json, media_type, is_index);
  if (!type) return fail(std::move(type).error());
  return is_index ? parseIndex(*json, *std::move(type)) : parseManifest(*json, *std::move(type));
}

std::string toJson(const Manifest& manifest) {
  Json json = {{"schemaVersion", 2}, {"mediaType", manifest.media_type}, {"config", toJsonValue(manifest.config)}};
  if (!manifest.artifact_type.empty()) json["artifactType"] = manifest.artifact_type;
  json["layers"] = Json::array();
  for (const Descriptor& layer : manifest.layers) json["layers"].push_back(toJsonValue(layer));
  if (!manifest.annotations.empty()) json["annotations"] = toJsonValue(manifest.annotations);
  return toText(json);
}

std::string toJson(const Index& index) {
  Json json = {{"schemaVersion", 2}, {"mediaType", index.media_type}, {"manifests", Json::array()}};
  for (const Descriptor& entry : index.manifests) json["manifests"].push_back(toJsonValue(entry));
  if (!index.annotations.empty()) json["annotations"] = toJsonValue(index.annotations);
  return toText(json);
}

Result<Descriptor> choosePlatform(const Index& index, const Platform& wanted) {
  const Descriptor* chosen = nullptr;
  for (const Descriptor& entry : index.manifests) {
    if (!entry.platform) continue;
    if (entry.platform->os != wanted.os || entry.platform->architecture != wanted.architecture) continue;
    if (entry.platform->variant == wanted.variant) return entry;
    const bool may_serve = entry.platform->variant.empty() || wanted.variant.empty();
    if (may_serve && chosen == nullptr) chosen = &entry;
  }
  if (chosen != nullptr) return *chosen;
  if (index.manifests.size() == 1 && !index.manifests.front().platform) return index.manifests.front();
  return fail(ErrorCode::kNotFound,
              fmt::format("there is no image for {}; there are: {}", toString(wanted), listPlatforms(index)));
}

}  // namespace wasabi::oci
