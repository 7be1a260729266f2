// The command line of wasabi-companion.
#pragma once

#include <string>
#include <variant>

#include "base/units.h"
#include "catalog/builder.h"
#include "companion/companion.h"
#include "companion/module_fetcher.h"

namespace wasabi {

struct CompanionOptions {
  companion::CompanionConfig companion;
  companion::RegistryAccess registry;
  catalog::BuilderConfig builder;
  std::string cache_directory;  // made if absent
};

struct ExitCode {
  int value;
};

std::variant<CompanionOptions, ExitCode> parseOptions(int argc, char** argv);

}  // namespace wasabi
