// wasabi completion: what shells are told of the commands, taken from the parser itself.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace wasabi {

class CompletionCommand {
 public:
  explicit CompletionCommand(CLI::App& app);

  // Where this command was given. Prints the script; the program's exit code.
  bool given() const { return command_->parsed(); }
  int run() const;

 private:
  CLI::App& app_;
  CLI::App* command_;
  std::string shell_;
};

}  // namespace wasabi
