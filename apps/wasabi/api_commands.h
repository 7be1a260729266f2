// The commands that speak to `wasabi serve`: their names and options.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "cli/api_commands.h"

namespace wasabi {

// What all of them share.
struct ServerOptions {
  std::string server;   // empty: WASABI_SERVER, else the configuration file's
  std::string token;    // empty: WASABI_TOKEN, likewise
  std::string ca_file;  // empty: WASABI_CA, likewise
  bool as_json = false;
};

class ApiCommands {
 public:
  // `app` lives as long as this.
  explicit ApiCommands(CLI::App& app);

  // The exit code of the one that was given; nothing if none of these was.
  std::optional<int> run();

 private:
  using Action = std::function<Result<void>(cli::ApiClient&, cli::Output)>;
  CLI::App* add(CLI::App& parent, const std::string& name, const std::string& help, Action action);
  void addDeploy(CLI::App& app);
  void addFunctions(CLI::App& app);
  void addTraffic(CLI::App& app);
  void addTenants(CLI::App& app);
  void addTenantSet(CLI::App& tenant);

  ServerOptions server_;
  std::shared_ptr<Action> chosen_;
  cli::DeployCommand deploy_;
  std::string catalog_;
  cli::InvokeCommand invoke_;
  cli::LogsCommand logs_;
  cli::TenantSetCommand tenant_set_;
  bool top_once_ = false;
  std::string function_;
  std::string tenant_;
  std::string name_;
  std::vector<std::string> shares_;
};

// --server, else WASABI_SERVER, else the configuration file; the token likewise. kNotFound says how to name one.
Result<cli::UserConfig> serverFor(const ServerOptions& options);

}  // namespace wasabi
