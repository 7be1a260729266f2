#include "serve_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/container_limits.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/this_program.h"
#include "cli/user_config.h"
#include "option_values.h"
#include "serve/config_file.h"

namespace wasabi {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

// Without --data: where a user's programs keep their state (https://specifications.freedesktop.org/basedir-spec/).
std::string usualDataDirectory() {
  if (::geteuid() == 0) return "/var/lib/wasabi";
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    return std::string(state) + "/wasabi";
  }
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + "/.local/state/wasabi";
}

// A fifth of the machine for each of four, and a tenth of it for the server and the kernel's caches; what superpods
// leave is for containers.
void divideMachine(serve::ServeConfig& config) {
  const ContainerLimits machine = readContainerLimits();
  constexpr ByteSize kLeast{256ull << 20};
  constexpr std::uint64_t kMiB = 1 << 20;
  const ByteSize fifth{machine.memory.value / 5 / kMiB * kMiB};
  config.superpod_memory = std::max(fifth, kLeast);
  config.machine_memory = ByteSize{machine.memory.value / 10 * 9 / kMiB * kMiB};
  config.superpod_cores = std::max(machine.cpu.value, 1.0);
  config.superpod_workers = static_cast<std::uint32_t>(std::clamp(std::ceil(machine.cpu.value), 1.0, 64.0));
  config.workers = std::max(1u, config.superpod_workers / 2);
}

// The file is read where it is named, before what the options say is put into the configuration: they win.
void addConfigFile(CLI::App& serve, ServeOptions& options) {
  serve
      .add_option_function<std::string>(
          "--config",
          [&options](const std::string& name) {
            options.config_file = std::filesystem::absolute(name).lexically_normal().string();
            options.problems = serve::readConfigFile(options.config_file, options.config);
            options.from_file = options.config;
          },
          "serve.toml; what options say comes before it. SIGHUP reads it again and says what takes a restart")
      ->trigger_on_parse()
      ->type_name("FILE");
}

void printProblems(const ServeOptions& options) {
  for (const catalog::TextProblem& problem : options.problems) {
    fmt::print(stderr, "wasabi: {}:{} {}\n", options.config_file,
               problem.line > 0 ? fmt::format("{}:", problem.line) : std::string(), problem.reason);
  }
}

// Nothing of the file changes while the server runs; whoever wrote into it learns when it will.
void readAgain(const ServeOptions& options, Logger& log) {
  if (options.config_file.empty()) return;
  serve::ServeConfig now = options.defaults;
  const auto problems = serve::readConfigFile(options.config_file, now);
  for (const catalog::TextProblem& problem : problems) {
    log.error("configuration refused",
              {{"file", options.config_file}, {"line", problem.line}, {"reason", problem.reason}});
  }
  if (!problems.empty()) return;
  for (const std::string& change : serve::changesBetween(options.from_file, now).need_restart) {
    log.warn("a change of the configuration takes a restart", {{"change", change}});
  }
}

void printFirstScreen(const serve::Server& server, const serve::ServeConfig& config) {
  fmt::print("wasabi serves {}\n", server.url());
  for (const std::string& address : server.addresses()) fmt::print("  listens at    {}\n", address);
  fmt::print("  data          {}\n", config.data_directory);
  fmt::print("  superpods     {} at most, {} of memory each, as {}\n", config.most_superpods,
             toString(config.superpod_memory), server.backend());
  fmt::print("  containers    {}\n", server.containersBy());
  if (server.firstToken()) {
    fmt::print("  token         {}\n", *server.firstToken());
    fmt::print("                of an operator, shown this once");
    const auto kept = cli::writeUserConfig({server.url(), *server.firstToken()});
    if (kept) {
      fmt::print("; kept for the other commands in {}\n", *kept);
    } else {
      fmt::print("\n                (not kept for the other commands: {})\n", kept.error().message());
    }
  }
  if (server.firstToken()) {
    fmt::print("\nnext:  wasabi tenant create acme\n       wasabi deploy app.wasm --name acme/app\n");
  }
  std::fflush(stdout);
}

}  // namespace

void addServe(CLI::App& app, ServeOptions& options) {
  serve::ServeConfig& config = options.config;
  config.data_directory = usualDataDirectory();
  config.box_program = besideThisProgram("wasabi-box");
  config.compiler = besideThisProgram("wasabi-compile");
  if (const char* path = std::getenv("PATH"); path != nullptr) config.search_path = path;
  divideMachine(config);
  options.defaults = config;

  CLI::App* serve = app.add_subcommand("serve", "the platform on this machine: gateway, superpods and API");
  addConfigFile(*serve, options);
  serve->add_option("--data", config.data_directory, "directory of all state; made if absent")->capture_default_str();
  serve->add_option("--listen", config.listen, "host:port or unix:/path, in clear text; may be repeated")
      ->capture_default_str();
  serve->add_option("--listen-tls", config.listen_tls, "the same with TLS; needs --certificate");
  serve->add_option("--certificate", config.certificates,
                    "certificate.pem,key.pem; may be repeated, the first is the default. SIGHUP reads them again");
  serve->add_option("--base-domain", config.base_domain, "functions are also <function>.<tenant>.<this>");
  serve->add_option("--workers", config.workers, "threads of the gateway")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  serve->add_option("--access-log", config.access_log, "file for one JSON line per request; '-' for standard output");
  serve->add_option("--function-log", config.function_log, "file for what functions write to stderr; '-' likewise");
  serve->add_flag("--allow-private-networks", config.private_networks,
                  "functions may call private, loopback and link-local addresses that their manifest allows by name");
  serve->add_flag("--private-registries", config.private_registries,
                  "modules may be pulled from registries at private, loopback and link-local addresses");
  const std::string group = "Superpods";
  serve->add_option("--superpods", config.most_superpods, "at most, spares included")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str()
      ->group(group);
  serve->add_option("--spares", config.spares, "kept started, so that nobody waits for a start")
      ->check(CLI::Range(0, 100))
      ->capture_default_str()
      ->group(group);
  addSize(*serve, "--superpod-memory", config.superpod_memory, "that functions may book on each")->group(group);
  serve
      ->add_option("--backend", config.backend,
                   "what keeps superpods apart: process, runc, crun, the path of an OCI runtime, or auto for the best")
      ->capture_default_str()
      ->group(group);
  const std::string of_containers = "Container functions";
  serve
      ->add_option("--containers", config.containers,
                   "what runs them: runc, crun, the path of an OCI runtime, none, or auto for the first that works")
      ->capture_default_str()
      ->group(of_containers);
  addDuration(*serve, "--container-idle", config.container_idle,
              "without a request, until a function's last container goes")
      ->group(of_containers);
  serve->add_option("--superpod-workers", config.superpod_workers, "threads of each")
      ->check(CLI::Range(1, 256))
      ->capture_default_str()
      ->group(group);
}

int runServe(ServeOptions options) {
  serve::ServeConfig& config = options.config;
  config.data_directory = std::filesystem::absolute(config.data_directory).lexically_normal().string();
  if (!options.problems.empty()) {
    printProblems(options);
    return kUsage;
  }
  if (!config.listen_tls.empty() && config.certificates.empty()) {
    fmt::print(stderr, "wasabi: --listen-tls needs --certificate certificate.pem,key.pem\n");
    return kUsage;
  }
  Logger log(Logger::standardError());
  const Signals signals(Signals::Reload::kTaken);
  if (!signals.valid()) {
    fmt::print(stderr, "wasabi: too many open files; raise the limit (ulimit -n)\n");
    return kFailed;
  }
  auto server = serve::Server::start(config, log);
  if (!server) {
    fmt::print(stderr, "wasabi: {}\n", server.error().message());
    return kFailed;
  }
  printFirstScreen(**server, config);
  while (signals.wait() == Signals::Wanted::kReload) {
    (*server)->reload();
    readAgain(options, log);
  }
  log.info("draining");
  (*server)->drain();
  server->reset();
  log.info("stopped");
  return 0;
}

}  // namespace wasabi
