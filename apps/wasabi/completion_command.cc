#include "completion_command.h"

#include <fmt/format.h>

#include <cstdio>

#include "cli/api_commands.h"
#include "cli/completion.h"

namespace wasabi {
namespace {

cli::CompletedCommand described(const CLI::App& command) {
  cli::CompletedCommand told{command.get_name(), command.get_description(), {}, {}};
  for (const CLI::Option* option : command.get_options()) {
    cli::CompletedOption one{{}, option->get_description(), option->get_expected_max() > 0};
    for (const std::string& name : option->get_snames()) one.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) one.names.push_back("--" + name);
    if (!one.names.empty()) told.options.push_back(std::move(one));
  }
  for (const CLI::App* one : command.get_subcommands([](const CLI::App*) { return true; })) {
    told.commands.push_back(described(*one));
  }
  return told;
}

}  // namespace

CompletionCommand::CompletionCommand(CLI::App& app)
    : app_(app), command_(app.add_subcommand("completion", "commands and options completed by the shell")) {
  command_->add_option("shell", shell_, "bash, zsh or fish")->required();
  command_->footer("Examples:\n  source <(wasabi completion bash)\n  wasabi completion fish | source");
}

int CompletionCommand::run() const {
  const auto script = cli::completionScript(described(app_), shell_);
  if (!script) {
    fmt::print(stderr, "wasabi: {}\n", script.error().message());
    return cli::exitCodeOf(script.error().code());
  }
  fmt::print("{}", *script);
  return 0;
}

}  // namespace wasabi
