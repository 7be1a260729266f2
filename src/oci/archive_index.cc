// How archives of images say what they hold.
#include <fmt/format.h>

#include <utility>
#include <variant>

#include "oci/archive_content.h"
#include "oci/image_config.h"
#include "oci/json_document.h"
#include "oci/media_type.h"

namespace wasabi::oci {
namespace {

constexpr const char* kOciIndexFile = "index.json";
constexpr const char* kDockerManifestFile = "manifest.json";
constexpr std::size_t kMaxDockerImages = 256;
constexpr std::size_t kMaxTags = 64;

Result<void> indexOfLayout(const ArchiveContent& content, const ImageLayout& scratch) {
  auto text = content.text(kOciIndexFile, scratch);
  if (!text) return fail(std::move(text).error());
  auto document = parseDocument(*text, {});
  if (!document) return fail(std::move(document).error().within(kOciIndexFile));
  const auto* index = std::get_if<Index>(&*document);
  if (index == nullptr) return fail(ErrorCode::kInvalid, "index.json is a manifest, not an index");
  return scratch.replaceIndex(*index);
}

Result<std::string> stringAt(const Json& list, std::size_t at, const char* what) {
  const auto* text = list[at].get_ptr<const std::string*>();
  if (text == nullptr)
    return fail(ErrorCode::kInvalid, fmt::format("manifest.json: '{}' has an entry that is no string", what));
  return *text;
}

Result<std::vector<Descriptor>> dockerLayers(const Json& names, const ArchiveContent& content) {
  if (!names.is_array() || names.size() > kMaxLayers) {
    return fail(ErrorCode::kInvalid, fmt::format("manifest.json: 'Layers' is no list of at most {}", kMaxLayers));
  }
  std::vector<Descriptor> layers;
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto name = stringAt(names, i, "Layers");
    if (!name) return fail(std::move(name).error());
    auto file = content.find(*name);
    if (!file) return fail(std::move(file).error());
    layers.push_back({std::string(kOciLayerTar), file->digest, file->size, {}, {}});
  }
  return layers;
}

Result<void> indexDockerImage(const Json& image, const ArchiveContent& content, const ImageLayout& scratch) {
  auto config_name = stringMember(image, "Config");
  if (!config_name) return fail(std::move(config_name).error());
  auto config_file = content.find(*config_name);
  if (!config_file) return fail(std::move(config_file).error());
  auto layers = dockerLayers(member(image, "Layers"), content);
  if (!layers) return fail(std::move(layers).error());
  const Manifest manifest{std::string(kOciManifest),
                          {},
                          {std::string(kOciImageConfig), config_file->digest, config_file->size, {}, {}},
                          *std::move(layers),
                          {}};
  auto descriptor = scratch.putDocument(toJson(manifest), kOciManifest);
  if (!descriptor) return fail(std::move(descriptor).error());

  const Json& tags = member(image, "RepoTags");
  if (!tags.is_array() || tags.empty()) return scratch.addToIndex(*descriptor, {});
  if (tags.size() > kMaxTags)
    return fail(ErrorCode::kInvalid, fmt::format("manifest.json: more than {} names of an image", kMaxTags));
  for (std::size_t i = 0; i < tags.size(); ++i) {
    auto tag = stringAt(tags, i, "RepoTags");
    if (!tag) return fail(std::move(tag).error());
    if (auto added = scratch.addToIndex(*descriptor, *tag); !added) return added;
  }
  return {};
}

Result<void> indexOfDocker(const ArchiveContent& content, const ImageLayout& scratch) {
  auto text = content.text(kDockerManifestFile, scratch);
  if (!text) return fail(std::move(text).error());
  // The document is a list, which parseJsonObject() takes in an object only.
  auto json = parseJsonObject("{\"images\":" + *text + "}", kDockerManifestFile);
  if (!json) return fail(std::move(json).error());
  const Json& images = member(*json, "images");
  if (!images.is_array() || images.empty() || images.size() > kMaxDockerImages) {
    return fail(ErrorCode::kInvalid, fmt::format("manifest.json is no list of 1 to {} images", kMaxDockerImages));
  }
  for (const Json& image : images) {
    if (auto indexed = indexDockerImage(image, content, scratch); !indexed) return indexed;
  }
  return {};
}

}  // namespace

Result<void> indexArchive(const ArchiveContent& content, const ImageLayout& scratch) {
  if (content.has(kOciIndexFile)) return indexOfLayout(content, scratch);
  if (content.has(kDockerManifestFile)) return indexOfDocker(content, scratch);
  return fail(ErrorCode::kInvalid,
              "neither an OCI layout (index.json) nor an archive of `docker save` (manifest.json)");
}

}  // namespace wasabi::oci
