#include "options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "base/this_program.h"
#include "base/units.h"
#include "box/config_file.h"
#include "box/default_capacity.h"
#include "option_values.h"

namespace wasabi {
namespace {

namespace fs = std::filesystem;

// The paths as the box will use them, whatever directory it is in.
void makeAbsolute(std::string& path) {
  if (!path.empty() && path != "-") path = fs::absolute(path).lexically_normal().string();
}

struct Flags {
  bool allow_private_networks = false;
  bool no_lockdown = false;
  bool behind_gateway = false;
};

void addServing(CLI::App& app, box::BoxConfig& config) {
  app.add_option("--config", config.config_file,
                 "box.toml: the same settings and more; what the command line names comes first");
  app.add_option("--catalog", config.catalog_directory, "directory with <tenant>/<function>.toml");
  app.add_option("--store", config.store_directory, "directory for compiled modules; made if absent");
  app.add_option("--history", config.history_file,
                 "file of what functions were seen to need, in a folder of its own; or none (default: "
                 "history/demand-history in the store)");
  app.add_option("--listen", config.listen, "host:port or unix:/path; may be repeated")->capture_default_str();
  app.add_option("--admin", config.admin_listen,
                 "admin listener: unix:/path, a loopback host:port, or none (default: a unix socket of its own in "
                 "$XDG_RUNTIME_DIR/wasabi, /run/wasabi for root, else /tmp/wasabi-<uid>)");
  app.add_option("--workers", config.workers, "threads that serve requests")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--access-log", config.access_log, "file for one JSON line per request; '-' for standard output");
  app.add_option("--function-log", config.function_log, "file for what functions write to stderr; '-' likewise");
  addDuration(app, "--drain-delay", config.drain_delay, "after SIGTERM: still serving, but not ready");
  addDuration(app, "--drain-timeout", config.drain_timeout, "then: what runs may finish for so long");
}

void addGateway(CLI::App& app, box::BoxConfig& config, Flags& flags) {
  const std::string group = "Behind a gateway";
  app.add_flag("--behind-gateway", flags.behind_gateway,
               "it says which version serves a request, and keeps what finds no room here; see docs/box.md")
      ->group(group);
  app.add_option("--egress", config.egress_listen,
                 "unix:/path, to which the gateway connects to carry functions' outbound calls; without it the box "
                 "makes them by itself")
      ->group(group);
  app.add_option("--secrets", config.secrets_directory, "directory with <tenant>/<NAME>: values of functions' secrets")
      ->group(group);
}

void addLimits(CLI::App& app, box::BoxConfig& config) {
  const std::string limits = "Limits";
  app.add_option("--max-invocations", config.engine.max_invocations, "alive at once, waiting ones included")
      ->check(CLI::Range(1, 20'000))
      ->capture_default_str()
      ->group(limits);
  app.add_option("--max-connections", config.http.max_connections, "open at once, per worker")
      ->capture_default_str()
      ->group(limits);
  app.add_option("--max-streams", config.http.max_concurrent_streams, "HTTP/2 streams per connection")
      ->capture_default_str()
      ->group(limits);
  addSize(app, "--max-memory", config.engine.max_memory,
          "largest memory any guest may grow to, whatever its manifest declares")
      ->group(limits);
  addSize(app, "--program-memory", config.programs.mapped, "compiled modules loaded at once")->group(limits);
  addSize(app, "--warm-memory", config.programs.warm_memory,
          "idle slots kept for their program's next request, by the pool's own count; see docs/box.md")
      ->group(limits);
  app.add_option("--max-programs", config.programs.max_programs, "programs loaded at once")
      ->capture_default_str()
      ->group(limits);
}

void addCompiler(CLI::App& app, ProgramConfig& config) {
  const std::string group = "Compiling";
  app.add_option_function<std::string>(
         "--compile",
         [&config](const std::string& when) {
           config.compile = when == "never" ? box::CompileMode::kNever : box::CompileMode::kOnDemand;
         },
         "compile modules that the store does not hold: on-demand or never")
      ->check(CLI::IsMember({"on-demand", "never"}))
      ->default_str("on-demand")
      ->group(group);
  app.add_option("--key", config.builder.key_file,
                 "the builder's signing key; made if absent (default: builder.key beside the store)")
      ->group(group);
  app.add_option("--verify-key", config.verify_key_file, "with --compile=never: the builder's public key")
      ->group(group);
  addDuration(
      app, "--await", config.await_companion,
      "with --compile=never: before the start, so long for the catalog and the public key, which a companion makes")
      ->group(group);
  app.add_option("--compiler", config.builder.compiler, "path of wasabi-compile")->capture_default_str()->group(group);
  app.add_option("--compile-jobs", config.builder.max_parallel, "compilers at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str()
      ->group(group);
  addDuration(app, "--compile-cpu", config.builder.cpu_limit, "CPU time one compilation may take")->group(group);
  addSize(app, "--compile-memory", config.builder.memory_limit, "memory one compilation may take")->group(group);
}

void addSecurity(CLI::App& app, Flags& flags) {
  const std::string group = "Security";
  app.add_flag("--allow-private-networks", flags.allow_private_networks,
               "functions may call private, loopback and link-local addresses that their manifest allows by name")
      ->group(group);
  app.add_flag("--no-lockdown", flags.no_lockdown, "without Landlock and seccomp; for debugging only")->group(group);
}

// Puts into `config` what the command line names, and nothing else.
std::optional<ExitCode> parseCommandLine(int argc, char** argv, ProgramConfig& config) {
  Flags flags;
  CLI::App app("Serves the WebAssembly functions of a catalog over HTTP.", "wasabi-box");
  app.set_version_flag("--version", WASABI_VERSION);
  addServing(app, config);
  addLimits(app, config);
  addCompiler(app, config);
  addSecurity(app, flags);
  addGateway(app, config, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ExitCode{app.exit(error) == 0 ? 0 : 2};
  }
  if (flags.allow_private_networks) config.private_networks = box::PrivateNetworks::kAllowed;
  if (flags.behind_gateway) config.front = box::Front::kGateway;
  if (flags.no_lockdown) config.lockdown = box::Lockdown::kOff;
  if (config.history_file != box::kNoHistory) makeAbsolute(config.history_file);
  for (std::string* path :
       {&config.config_file, &config.catalog_directory, &config.store_directory, &config.access_log,
        &config.function_log, &config.verify_key_file, &config.secrets_directory, &config.builder.key_file}) {
    makeAbsolute(*path);
  }
  return std::nullopt;
}

std::optional<ExitCode> complete(ProgramConfig& config) {
  const auto refuse = [](std::string_view reason) {
    fmt::print(stderr, "wasabi-box: {}\n", reason);
    return ExitCode{2};
  };
  if (config.catalog_directory.empty()) return refuse("--catalog is required, or 'catalog' in the --config file");
  if (config.store_directory.empty()) return refuse("--store is required, or 'store' in the --config file");
  if (config.compile == box::CompileMode::kNever && config.verify_key_file.empty()) {
    return refuse("--compile=never needs --verify-key, the public key of the builder whose modules the store holds");
  }
  if (config.await_companion > Duration::zero() && config.compile != box::CompileMode::kNever) {
    return refuse("--await is for a box that a companion serves: with --compile=never");
  }
  const auto is_unix = [](const std::string& address) { return address.starts_with("unix:"); };
  if (config.front == box::Front::kGateway && !std::all_of(config.listen.begin(), config.listen.end(), is_unix)) {
    return refuse(
        "--behind-gateway believes what it is told about requests, so nobody else may send any: give --listen as "
        "unix:/path");
  }
  if (!config.egress_listen.empty() && (config.front != box::Front::kGateway || !is_unix(config.egress_listen))) {
    return refuse("--egress is for a box with --behind-gateway, and a unix:/path");
  }
  if (config.capacity.memory == ByteSize{}) {
    return refuse("the machine does not say how much memory it has; write memory in [capacity] of the --config file");
  }
  if (config.builder.key_file.empty()) {
    config.builder.key_file = (fs::path(config.store_directory).parent_path() / "builder.key").string();
  }
  config.builder.store_directory = config.store_directory;
  return std::nullopt;
}

}  // namespace

std::variant<ProgramConfig, ExitCode, BadConfigFile> parseOptions(int argc, char** argv,
                                                                  const ContainerLimits& limits) {
  ProgramConfig config;
  config.workers = static_cast<std::uint32_t>(std::clamp(std::ceil(limits.cpu.value), 1.0, 256.0));
  config.capacity = box::defaultCapacity(limits);
  config.builder.compiler = besideThisProgram("wasabi-compile");
  // Once for mistakes and the name of the file, once more over what the file says.
  ProgramConfig named = config;
  if (auto exit_code = parseCommandLine(argc, argv, named)) return *exit_code;
  if (!named.config_file.empty()) {
    config.config_file = named.config_file;
    auto problems = box::readConfigFile(config);
    if (!problems.empty()) return BadConfigFile{config.config_file, std::move(problems)};
    if (auto exit_code = parseCommandLine(argc, argv, config)) return *exit_code;
  } else {
    config = std::move(named);
  }
  if (auto exit_code = complete(config)) return *exit_code;
  return config;
}

}  // namespace wasabi
