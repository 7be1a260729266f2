// The command line and the configuration file of wasabi-box; see docs/box.md and docs/box-toml.md.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/container_limits.h"
#include "base/units.h"
#include "box/box_config.h"
#include "catalog/text_problem.h"

namespace wasabi {

struct ExitCode {
  int value;
};

struct ProgramConfig : box::BoxConfig {
  // Before the start, so long for the catalog and the builder's public key, which a companion makes.
  Duration await_companion{};
};

// What is wrong with the configuration file.
struct BadConfigFile {
  std::string file;
  std::vector<catalog::TextProblem> problems;
};

// The configuration: what the command line says, else what the file says that it names, else the defaults, of which
// some depend on the limits. Or what to exit with at once (--help, or a mistake, which has been printed).
std::variant<ProgramConfig, ExitCode, BadConfigFile> parseOptions(int argc, char** argv, const ContainerLimits& limits);

}  // namespace wasabi
