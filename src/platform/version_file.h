// The file of a version: as text, and as a deployment makes it. Private to who stores it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catalog/manifest_parser.h"
#include "platform/deployment.h"
#include "platform/version.h"

namespace wasabi::platform {

// What versions/<n>.json holds: the version, the manifest as it was given, and all its settings spelled out, so that
// other defaults later change nothing.
struct VersionFile {
  Version version;
  std::string manifest;
  std::string settings;  // catalog::toManifestText
};
std::string encodeVersion(const VersionFile& file);
// `directory` is that of the data.
Result<VersionFile> decodeVersion(std::string_view text, const FunctionName& name, const std::string& directory);
Result<std::string> manifestOfVersion(std::string_view text, std::string_view file);

// The spec of a version in the form that all versions have, however they came to be.
catalog::FunctionPtr specOfVersion(const FunctionName& name, std::uint32_t number, const catalog::Manifest& manifest,
                                   const Digest& module, const std::optional<Digest>& files,
                                   const std::string& directory);

// kInvalid: the manifest, with all its problems, or what is missing beside it. `directory` is that of the data.
Result<VersionFile> versionOf(const Deployment& deployment, std::uint32_t number,
                              const catalog::FunctionLimits& defaults, const std::string& directory);

}  // namespace wasabi::platform
