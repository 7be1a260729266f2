#include "platform/deployment.h"

#include <fmt/format.h>

#include "base/sha256.h"
#include "platform/version_file.h"

namespace wasabi::platform {
namespace {

Result<catalog::Manifest> parse(const Deployment& deployment, const catalog::FunctionLimits& defaults) {
  catalog::ParsedManifest parsed =
      catalog::parseManifest(deployment.manifest, defaults, catalog::ProgramKey::kOptional);
  if (parsed.problems.empty()) return std::move(parsed.manifest);
  std::string text;
  for (const catalog::TextProblem& problem : parsed.problems) {
    if (!text.empty()) text += "; ";
    text += problem.line > 0 ? fmt::format("line {}: {}", problem.line, problem.reason) : problem.reason;
  }
  return fail(ErrorCode::kInvalid, "the manifest: " + text);
}

// Module or image, as manifest and deployment agree on it.
Result<Digest> contentOf(const Deployment& deployment, const catalog::Manifest& manifest) {
  if (manifest.container) {
    if (deployment.module) return fail(ErrorCode::kInvalid, "the manifest names an image, and a module came with it");
    if (!deployment.image) return fail(ErrorCode::kInvalid, "the image of the manifest has not been fetched");
    return *deployment.image;
  }
  if (deployment.image) return fail(ErrorCode::kInvalid, "an image came with a manifest that names none");
  const auto* named = std::get_if<catalog::ModuleDigest>(&manifest.module);
  if (named == nullptr && !deployment.module) return fail(ErrorCode::kInvalid, "no module came with the manifest");
  if (named != nullptr && deployment.module && *named != *deployment.module) {
    return fail(ErrorCode::kInvalid, fmt::format("the manifest names module sha256:{}, and sha256:{} came with it",
                                                 named->toHex(), deployment.module->toHex()));
  }
  return deployment.module ? *deployment.module : *named;
}

// Equal for equal content and settings, whatever the paths and names that the user has for them.
Digest identityOf(catalog::Manifest manifest, const Digest& content, const std::optional<Digest>& files) {
  manifest.module = std::string();
  if (manifest.container) manifest.container->image = "image";
  manifest.files = files ? files->toHex() : std::string();
  return {sha256(fmt::format("wasabi version 1\n{}\n{}", content.toHex(), toManifestText(manifest)))};
}

}  // namespace

Result<VersionFile> versionOf(const Deployment& deployment, std::uint32_t number,
                              const catalog::FunctionLimits& defaults, const std::string& directory) {
  if (deployment.source.size() > kMaxSourceBytes || deployment.created_by.size() > kMaxSourceBytes) {
    return fail(ErrorCode::kInvalid, fmt::format("the name of the source is longer than {} bytes", kMaxSourceBytes));
  }
  auto manifest = parse(deployment, defaults);
  if (!manifest) return fail(std::move(manifest).error());
  auto content = contentOf(deployment, *manifest);
  if (!content) return fail(std::move(content).error());
  if (!manifest->files.empty() && !deployment.files) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the manifest names files, '{}', which did not come with it", manifest->files));
  }
  VersionFile file;
  file.manifest = deployment.manifest;
  file.settings = toManifestText(*manifest);
  // A box reads no more than that, and gets the same text but for a digest or two.
  if (file.settings.size() > catalog::kMaxManifestBytes - 512) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the manifest, with everything spelled out, has {} bytes; it may have {}",
                            file.settings.size(), catalog::kMaxManifestBytes - 512));
  }
  Version& version = file.version;
  version.number = number;
  version.container = manifest->container;
  if (version.isContainer()) version.image = *content;
  version.files = deployment.files;
  version.settings = manifest->platform;
  version.identity = identityOf(*manifest, *content, deployment.files);
  version.source = deployment.source;
  version.created_by = deployment.created_by;
  version.created_ms = deployment.now_ms;
  version.content_bytes = deployment.content_bytes;
  version.files_bytes = deployment.files ? deployment.files_bytes : 0;
  version.spec = specOfVersion(deployment.name, number, *manifest, version.isContainer() ? Digest{} : *content,
                               deployment.files, directory);
  return file;
}

}  // namespace wasabi::platform
