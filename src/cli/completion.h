// Scripts that complete the program's commands and options in shells.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace wasabi::cli {

struct CompletedOption {
  std::vector<std::string> names;  // "-f", "--follow"
  std::string help;
  bool takes_value = false;
};

// What may be typed after the program's name, or a command's.
struct CompletedCommand {
  std::string name;
  std::string help;
  std::vector<CompletedOption> options;
  std::vector<CompletedCommand> commands;
};

// `shell` is bash, zsh or fish; kInvalid for another. The script needs nothing but its shell. Where no command and no
// option fits, it completes names of files.
Result<std::string> completionScript(const CompletedCommand& program, const std::string& shell);

}  // namespace wasabi::cli
