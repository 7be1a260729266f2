// serve.toml: its keys, and how it is read (docs/serve-toml.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "catalog/config_key.h"
#include "catalog/text_problem.h"
#include "serve/server.h"

namespace wasabi::serve {

inline constexpr std::size_t kMaxConfigBytes = 1 << 20;

using ServeKey = catalog::ConfigKey<ServeConfig>;
const std::vector<ServeKey>& serveKeys();

// Puts what the text says into `config`, which holds the defaults; what it does not name stays as it is. Relative paths
// are meant from `folder`, which is absolute. Pure: looks at no file. To be used only if there are no problems.
std::vector<catalog::TextProblem> readConfig(std::string_view text, const std::string& folder, ServeConfig& config);
// The same of a file, an absolute path.
std::vector<catalog::TextProblem> readConfigFile(const std::string& file, ServeConfig& config);

catalog::ConfigChanges changesBetween(const ServeConfig& before, const ServeConfig& after);

}  // namespace wasabi::serve
