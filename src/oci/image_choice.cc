#include "oci/image_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "oci/wasm_artifact.h"

namespace wasabi::oci {
namespace {

constexpr std::array kNameAnnotations = {kRefName, kContainerdName};
constexpr std::size_t kListedNames = 12;

bool hasName(const Descriptor& entry, std::string_view name) {
  return std::ranges::any_of(kNameAnnotations, [&](std::string_view annotation) {
    const auto found = entry.annotations.find(annotation);
    if (found == entry.annotations.end()) return false;
    // "docker.io/library/app:1" is meant by "app:1", too.
    const std::string_view whole = found->second;
    return whole == name || (whole.ends_with(name) && whole[whole.size() - name.size() - 1] == '/');
  });
}

std::string namesOf(const Index& index) {
  std::vector<std::string> names;
  for (const Descriptor& entry : index.manifests) {
    const auto found = std::ranges::find_if(
        kNameAnnotations, [&](std::string_view annotation) { return entry.annotations.contains(annotation); });
    if (found != kNameAnnotations.end()) names.push_back(entry.annotations.find(*found)->second);
  }
  if (names.empty()) return "none has a name";
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), kListedNames); ++i) list += (i == 0 ? "" : ", ") + names[i];
  return names.size() > kListedNames ? list + ", ..." : list;
}

// The entry that the choice's name means; without a name the only one.
Result<Descriptor> chooseNamed(const Index& index, const ImageChoice& choice) {
  std::vector<Descriptor> candidates;
  for (const Descriptor& entry : index.manifests) {
    if (!choice.name.empty() && !hasName(entry, choice.name)) continue;
    // One image may have several names.
    const bool known =
        std::ranges::any_of(candidates, [&](const Descriptor& one) { return one.digest == entry.digest; });
    if (!known) candidates.push_back(entry);
  }
  if (candidates.size() == 1) return candidates.front();
  if (candidates.empty() && choice.name.empty()) return fail(ErrorCode::kNotFound, "there is no image in it");
  if (candidates.empty()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no image '{}'; there are: {}", choice.name, namesOf(index)));
  }
  // Several platforms of one image may lie side by side.
  if (auto chosen = chooseFrom({index.media_type, candidates, {}}, choice)) return chosen;
  return fail(ErrorCode::kInvalid, fmt::format("there are several images; say which one: {}", namesOf(index)));
}

}  // namespace

Result<Descriptor> chooseFrom(const Index& index, const ImageChoice& choice) {
  return choice.wasm ? chooseWasm(index) : choosePlatform(index, choice.platform);
}

Result<Image> findImage(const ImageLayout& layout, const ImageChoice& choice) {
  auto index = layout.index();
  if (!index) return fail(std::move(index).error());
  auto descriptor = chooseNamed(*index, choice);
  for (int depth = 0; descriptor && depth < kMaxIndexDepth; ++depth) {
    auto text = layout.readDocument(*descriptor);
    if (!text) return fail(std::move(text).error());
    auto document = parseDocument(*text, descriptor->media_type);
    if (!document) return fail(std::move(document).error());
    if (auto* manifest = std::get_if<Manifest>(&*document)) return Image{*std::move(descriptor), std::move(*manifest)};
    descriptor = chooseFrom(std::get<Index>(*document), choice);
  }
  if (!descriptor) return fail(std::move(descriptor).error().within(layout.directory()));
  return fail(ErrorCode::kInvalid, fmt::format("indexes nested deeper than {}", kMaxIndexDepth));
}

}  // namespace wasabi::oci
