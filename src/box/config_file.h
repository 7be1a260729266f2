// Reads box.toml (docs/box-toml.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "box/box_config.h"
#include "catalog/text_problem.h"

namespace wasabi::box {

inline constexpr std::size_t kMaxConfigBytes = 1 << 20;

// Puts what the text says into `config`, which holds the defaults; what it does not name stays as it is. Relative paths
// are meant from `folder`, which is absolute. Pure: looks at no file. To be used only if there are no problems.
std::vector<catalog::TextProblem> readConfig(std::string_view text, const std::string& folder, BoxConfig& config);

// The same of `config.config_file`.
std::vector<catalog::TextProblem> readConfigFile(BoxConfig& config);
// The file has still the text of which `config` was made: reading it again would give the same.
bool isConfigFileUnchanged(const BoxConfig& config);

}  // namespace wasabi::box
