// wasabi: the command-line program.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "api_commands.h"
#include "base/admin_address.h"
#include "base/this_program.h"
#include "cli/inspect_command.h"
#include "cli/run_command.h"
#include "cli/why_command.h"
#include "completion_command.h"
#include "push_command.h"
#include "serve_command.h"
#include "superpod_command.h"

namespace {

using namespace wasabi;

constexpr int kFailed = 1;
constexpr int kUsage = 2;

void addRun(CLI::App& app, cli::RunOptions& options, std::vector<std::string>& environment) {
  CLI::App* run = app.add_subcommand("run", "serve one module at /");
  run->add_option("module", options.module_file, "the .wasm file")->required()->check(CLI::ExistingFile);
  run->add_option("args", options.arguments, "arguments of the program");
  run->add_option("--listen", options.listen, "host:port or unix:/path")->capture_default_str();
  run->add_option("--admin", options.admin, "admin listener: as for wasabi-box, which see for the default");
  run->add_option("--env", environment, "K=V; may be repeated")->take_all();
  run->add_option("--dir", options.files_directory, "directory the program sees, read-only, as /")
      ->check(CLI::ExistingDirectory);
  run->add_option("--memory", options.memory, "memory limit, for example 64MiB");
  run->add_option("--cpu", options.cpu, "processor quota in cores, for example 250m or 2");
  run->add_option("--timeout", options.timeout, "wall-clock limit of a request, for example 30s");
  run->add_option("--http", options.command_http, "how output becomes a response")
      ->check(CLI::IsMember({"plain", "cgi"}));
  run->add_option("--outbound", options.outbound, "host or host:port the program may call; may be repeated");
  run->add_option("--reuse", options.reuse, "further requests an instance may serve (wasi:http only)");
  run->add_flag("--allow-private-networks", options.allow_private_networks,
                "outbound calls may go to private and loopback addresses");
  run->footer("Examples:\n  wasabi run app.wasm --env GREETING=hello --memory 64MiB");
  run->add_option("--store", options.store_directory, "where compiled modules are kept")->capture_default_str();
}

int runModule(cli::RunOptions options, const std::vector<std::string>& environment) {
  for (const std::string& pair : environment) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      fmt::print(stderr, "wasabi: --env {}: write NAME=VALUE\n", pair);
      return kUsage;
    }
    options.environment[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  auto exit_code = cli::run(options);
  if (exit_code) return *exit_code;
  fmt::print(stderr, "wasabi: {}\n", exit_code.error().message());
  return kFailed;
}

int inspectModule(const std::string& module_file, cli::InspectFormat format) {
  auto inspection = cli::inspect(besideThisProgram("wasabi-compile"), module_file, format);
  if (!inspection) {
    fmt::print(stderr, "wasabi: {}\n", inspection.error().message());
    return kFailed;
  }
  fmt::print("{}", inspection->text);
  return inspection->accepted ? 0 : kFailed;
}

void addWhy(CLI::App& app, cli::WhyOptions& options, ServerOptions& server) {
  CLI::App* why = app.add_subcommand("why", "what a request to a function would meet now, and why");
  why->add_option("function", options.function, "TENANT/NAME")->required();
  why->add_option("--server", server.server, "of `wasabi serve`: http://host:port, https://host or unix:/path");
  why->add_option("--token", server.token, "better in WASABI_TOKEN");
  why->add_option("--ca", server.ca_file, "PEM file of certificates to believe besides the machine's");
  why->add_option("--admin", options.admin,
                  "of a box alone: its admin listener, unix:/path or host:port; without it and without a server, the "
                  "usual place");
  why->add_option("--timeout", options.timeout, "time that the request has, for example 1.5s; at most its function's");
  why->add_flag("--json", options.as_json, "the whole answer as JSON");
  why->footer("Examples:\n  wasabi why acme/app\n  wasabi why acme/app --admin unix:/run/wasabi/box.sock");
}

// A box alone is asked where it is named, or where there is no server to ask.
int explain(const cli::WhyOptions& options, const ServerOptions& server) {
  auto config = serverFor(server);
  if (options.admin.empty() && config) {
    auto client = cli::ApiClient::open(std::move(*config));
    auto told =
        client ? cli::whyRemote(**client, options.function, options.as_json ? cli::Output::kJson : cli::Output::kText)
               : Result<void>(fail(client.error()));
    if (told) return 0;
    fmt::print(stderr, "wasabi: {}\n", told.error().message());
    return cli::exitCodeOf(told.error().code());
  }
  const auto told = cli::why(options, AdminPlaces::ofThisProcess());
  if (!told) {
    fmt::print(stderr, "wasabi: {}\n", told.error().message());
    return kFailed;
  }
  fmt::print("{}", *told);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("WebAssembly functions in ordinary containers.", "wasabi");
  app.set_version_flag("--version", WASABI_VERSION);
  app.footer(
      "Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 there is no such thing, 4 not allowed,\n"
      "5 the server cannot be reached or is busy. `wasabi COMMAND --help` has examples.");
  app.require_subcommand(1);

  cli::RunOptions run_options;
  run_options.box_program = besideThisProgram("wasabi-box");
  run_options.store_directory = cli::defaultRunStore();
  std::vector<std::string> environment;
  addRun(app, run_options, environment);

  std::string inspected_file;
  bool as_json = false;
  CLI::App* inspect = app.add_subcommand("inspect", "what a module is, and whether it would run here");
  inspect->add_option("module", inspected_file, "the .wasm file")->required()->check(CLI::ExistingFile);
  inspect->footer("Examples:\n  wasabi inspect app.wasm --json");
  inspect->add_flag("--json", as_json, "the whole report as JSON");

  cli::WhyOptions why_options;
  ServerOptions why_server;
  addWhy(app, why_options, why_server);

  ServeOptions serve_options;
  addServe(app, serve_options);
  ApiCommands api_commands(app);
  PushCommand push(app);
  SuperpodCommand superpod(app);
  CompletionCommand completion(app);
  const CLI::App* version = app.add_subcommand("version", "of this program");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (*version) {
    fmt::print("{}\n", WASABI_VERSION);
    return 0;
  }
  if (completion.given()) return completion.run();
  if (push.given()) return push.run();
  if (superpod.given()) return superpod.run();
  if (app.got_subcommand("serve")) return runServe(std::move(serve_options));
  if (const auto exit_code = api_commands.run()) return *exit_code;
  if (app.got_subcommand("why")) return explain(why_options, why_server);
  if (*inspect) return inspectModule(inspected_file, as_json ? cli::InspectFormat::kJson : cli::InspectFormat::kText);
  return runModule(std::move(run_options), environment);
}
