// The command line of wasabi-box.
#pragma once

#include <variant>

#include "box/box_config.h"

namespace wasabi {

struct ExitCode {
  int value;
};

// The configuration, or the exit code after help, version or an error was printed.
std::variant<box::BoxConfig, ExitCode> parseOptions(int argc, char** argv);

}  // namespace wasabi
