// Reads the text of a manifest (docs/manifest.md). Pure: looks at no file.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "catalog/container_settings.h"
#include "catalog/function_spec.h"
#include "catalog/platform_settings.h"
#include "catalog/text_problem.h"

namespace wasabi::catalog {

// A module in a registry: "oci://host/repository:tag" or with a digest. Not checked beyond its scheme.
struct RemoteModule {
  std::string reference;
  bool operator==(const RemoteModule&) const = default;
};
inline constexpr std::string_view kRemoteScheme = "oci://";

// Where the module is: a path relative to the manifest's folder, the digest of a file under <catalog>/modules/, or a
// registry.
using ModuleReference = std::variant<std::string, ModuleDigest, RemoteModule>;

struct Manifest {
  ModuleReference module;                      // an empty path where there is none
  std::optional<ContainerSettings> container;  // instead of a module
  FunctionLimits limits;
  std::map<std::string, std::string> environment;
  std::vector<std::string> arguments;
  CommandHttp command_http = CommandHttp::kPlain;
  std::string files;  // relative to the manifest's folder; empty for none
  std::vector<OutboundHost> outbound;
  std::uint32_t reuse = 0;
  std::vector<Route> routes;
  std::vector<std::string> secrets;  // names; sorted, each once
  PlatformSettings platform;
  bool operator==(const Manifest&) const = default;
};

struct ParsedManifest {
  Manifest manifest;  // to be used only if there are no problems
  std::vector<TextProblem> problems;
};

inline constexpr std::size_t kMaxManifestBytes = 64 << 10;

// A name of a secret is one of an environment variable: letters, digits and '_', not beginning with a digit; 1 to 128.
bool isSecretName(std::string_view text);

// Whether a manifest may have neither `module` nor `image`: where the program comes beside it.
enum class ProgramKey : bool { kRequired, kOptional };

// Finds all problems (the first 20), unless the text is not TOML at all: then the first.
// `defaults` holds for the limits that the manifest does not name.
ParsedManifest parseManifest(std::string_view text, const FunctionLimits& defaults = {},
                             ProgramKey program = ProgramKey::kRequired);

// The text of a manifest that is read as `manifest`, whatever the defaults.
std::string toManifestText(const Manifest& manifest);

// The settings of an invocation as the manifest has them: without module, files, version and messages.
FunctionSpec specWithSettings(const FunctionName& name, const Manifest& manifest);

}  // namespace wasabi::catalog
