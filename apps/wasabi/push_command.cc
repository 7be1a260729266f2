#include "push_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "cli/api_commands.h"
#include "cli/registry_login.h"
#include "cli/table.h"

namespace wasabi {

PushCommand::PushCommand(CLI::App& app) : command_(app.add_subcommand("push", "a module into a registry")) {
  options_.credential_file = cli::usualCredentialFile(std::getenv("DOCKER_CONFIG"), std::getenv("HOME"));
  command_->add_option("module", options_.file, "the .wasm file")->required();
  command_->add_option("reference", options_.reference, "oci://HOST/REPOSITORY:TAG")->required();
  command_->add_option("--credentials", options_.credential_file, "as `docker login` and others write them");
  command_->add_option("--ca", options_.ca_file, "PEM file, in place of the machine's certificates");
  command_->add_flag("--plain-http", options_.plain_http, "no TLS; without it only to this machine");
  command_->add_flag("--json", as_json_, "as JSON");
  command_->footer("Examples:\n  wasabi push app.wasm oci://registry.example.com/team/app:1.0");
}

int PushCommand::run() {
  const bool shows = !as_json_ && ::isatty(STDERR_FILENO) != 0;
  if (shows) {
    options_.progress = [](std::uint64_t done, std::uint64_t all) {
      fmt::print(stderr, "\r\x1b[Kpushing {} of {}", cli::shortBytes(static_cast<double>(done)),
                 cli::shortBytes(static_cast<double>(all)));
    };
  }
  const auto pushed = cli::push(options_);
  if (shows) fmt::print(stderr, "\r\x1b[K");
  if (!pushed) {
    fmt::print(stderr, "wasabi: {}\n", pushed.error().message());
    return cli::exitCodeOf(pushed.error().code());
  }
  if (as_json_) {
    // Neither has a character that JSON would escape.
    fmt::print("{{\"reference\": \"{}\", \"module\": \"{}\"}}\n", pushed->reference, pushed->module);
  } else {
    fmt::print("{}\n", pushed->reference);
  }
  return 0;
}

}  // namespace wasabi
