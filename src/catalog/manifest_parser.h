// Reads the text of a manifest (docs/manifest.md). Pure: looks at no file.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "catalog/function_spec.h"
#include "catalog/text_problem.h"

namespace wasabi::catalog {

// Where the module is: a path relative to the manifest's folder, or the digest of a file under <catalog>/modules/.
using ModuleReference = std::variant<std::string, ModuleDigest>;

struct Manifest {
  ModuleReference module;
  FunctionLimits limits;
  std::map<std::string, std::string> environment;
  std::vector<std::string> arguments;
  CommandHttp command_http = CommandHttp::kPlain;
  std::string files;  // relative to the manifest's folder; empty for none
  std::vector<OutboundHost> outbound;
  std::uint32_t reuse = 0;
  std::vector<Route> routes;
};

struct ParsedManifest {
  Manifest manifest;  // to be used only if there are no problems
  std::vector<TextProblem> problems;
};

inline constexpr std::size_t kMaxManifestBytes = 64 << 10;

// Finds all problems (the first 20), unless the text is not TOML at all: then the first.
// `defaults` holds for the limits that the manifest does not name.
ParsedManifest parseManifest(std::string_view text, const FunctionLimits& defaults = {});

}  // namespace wasabi::catalog
