// wasabi push: its options, and what it prints.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/push_command.h"

namespace wasabi {

class PushCommand {
 public:
  explicit PushCommand(CLI::App& app);

  bool given() const { return command_->parsed(); }
  int run();

 private:
  CLI::App* command_;
  cli::PushCommand options_;
  bool as_json_ = false;
};

}  // namespace wasabi
