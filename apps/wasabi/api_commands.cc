#include "api_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "cli/catalog_deploy.h"
#include "cli/screen_text.h"
#include "cli/user_config.h"
#include "option_values.h"

namespace wasabi {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

cli::Output outputOf(const ServerOptions& options) {
  if (options.as_json) return cli::Output::kJson;
  const bool colours = cli::wantsColours(STDOUT_FILENO, std::getenv("NO_COLOR"), std::getenv("TERM"));
  return colours ? cli::Output::kColours : cli::Output::kText;
}

void addExamples(CLI::App* command, const std::string& lines) {
  command->footer("Examples:\n  " + lines);
}

}  // namespace

Result<cli::UserConfig> serverFor(const ServerOptions& options) {
  auto kept = cli::readUserConfig();
  if (!kept) return fail(std::move(kept.error()));
  cli::UserConfig config = std::move(*kept).value_or(cli::UserConfig{});
  const auto over = [](std::string& value, const std::string& variable, const std::string& option) {
    if (!variable.empty()) value = variable;
    if (!option.empty()) value = option;
  };
  over(config.server, environment("WASABI_SERVER"), options.server);
  over(config.token, environment("WASABI_TOKEN"), options.token);
  over(config.ca_file, environment("WASABI_CA"), options.ca_file);
  if (!config.server.empty()) return config;
  return fail(ErrorCode::kNotFound,
              "which server? start one with `wasabi serve`, or name it by --server or WASABI_SERVER");
}

ApiCommands::ApiCommands(CLI::App& app) {
  addDeploy(app);
  addFunctions(app);
  addTraffic(app);
  addTenants(app);
}

CLI::App* ApiCommands::add(CLI::App& parent, const std::string& name, const std::string& help, Action action) {
  CLI::App* command = parent.add_subcommand(name, help);
  command->add_option("--server", server_.server, "http://host:port, https://host or unix:/path");
  command->add_option("--token", server_.token, "better in WASABI_TOKEN, where others do not see it");
  command->add_option("--ca", server_.ca_file, "PEM file of certificates to believe besides the machine's");
  command->add_flag("--json", server_.as_json, "as JSON");
  command->callback([this, kept = std::make_shared<Action>(std::move(action))] { chosen_ = kept; });
  return command;
}

std::optional<int> ApiCommands::run() {
  if (!chosen_) return std::nullopt;
  const auto failed = [](const Error& error) {
    fmt::print(stderr, "wasabi: {}\n", error.message());
    return cli::exitCodeOf(error.code());
  };
  auto config = serverFor(server_);
  if (!config) return failed(config.error());
  auto client = cli::ApiClient::open(std::move(*config));
  if (!client) return failed(client.error());
  const auto done = (*chosen_)(**client, outputOf(server_));
  return done ? 0 : failed(done.error());
}

void ApiCommands::addDeploy(CLI::App& app) {
  CLI::App* command = add(app, "deploy", "a new version of a function", [this](auto& client, auto output) {
    return catalog_.empty() ? cli::deploy(client, deploy_, output)
                            : cli::deployCatalog(client, catalog_, deploy_, output);
  });
  command
      ->add_option("source", deploy_.source,
                   "a .wasm file, '-' for standard input, a folder with wasabi.toml, a manifest, or "
                   "oci://HOST/REPOSITORY:TAG")
      ->capture_default_str();
  CLI::Option* name = command->add_option("--name", deploy_.name, "TENANT/FUNCTION");
  command->add_option("--catalog", catalog_, "instead: every function of a folder with <tenant>/<function>.toml")
      ->check(CLI::ExistingDirectory)
      ->excludes(name);
  command->add_option("--manifest", deploy_.manifest_file, "settings of the function; see docs/manifest.md");
  command->add_option("--credentials", deploy_.credential_file,
                      "file of `docker login`; its entry for the registry is sent to the server for this one pull");
  command->add_flag("!--no-traffic", deploy_.promote, "it is ready at its own address, and gets no traffic");
  command->add_option("--env", deploy_.environment, "NAME=VALUE, besides the manifest's; may be repeated")->take_all();
  addExamples(command,
              "wasabi deploy app.wasm --name acme/app\n"
              "  wasabi deploy oci://registry.example.com/team/app:1.0 --name acme/app\n"
              "  wasabi deploy . --name acme/app --no-traffic\n"
              "  wasabi deploy --catalog catalog\n"
              "  cat app.wasm | wasabi deploy - --name acme/app --env GREETING=hello");
}

void ApiCommands::addFunctions(CLI::App& app) {
  CLI::App* list =
      add(app, "list", "functions", [this](auto& client, auto output) { return cli::list(client, tenant_, output); });
  list->add_option("--tenant", tenant_, "of this one alone");
  addExamples(list, "wasabi list --tenant acme\n  wasabi list --json");
  const auto of_function = [&](const char* name, const char* help, auto action) {
    CLI::App* command =
        add(app, name, help, [this, action](auto& client, auto output) { return action(client, function_, output); });
    command->add_option("function", function_, "TENANT/FUNCTION")->required();
    addExamples(command, std::string("wasabi ") + name + " acme/app");
  };
  of_function("describe", "a function with its versions", cli::describe);
  of_function("versions", "versions of a function", cli::versions);
  of_function("rollback", "back to the traffic before the present one", cli::rollback);
  of_function("delete", "a function with all its versions", cli::remove);
  CLI::App* traffic =
      add(app, "traffic", "which versions get how many percent of the requests",
          [this](auto& client, auto output) { return cli::traffic(client, function_, shares_, output); });
  traffic->add_option("function", function_, "TENANT/FUNCTION")->required();
  traffic->add_option("shares", shares_, "v3=90 v4=10")->required();
  addExamples(traffic, "wasabi traffic acme/app v3=90 v4=10\n  wasabi traffic acme/app v4=100");
}

void ApiCommands::addTraffic(CLI::App& app) {
  CLI::App* invoke = add(app, "invoke", "sends a function a request",
                         [this](auto& client, auto output) { return cli::invoke(client, invoke_, output); });
  invoke->add_option("function", invoke_.function, "TENANT/FUNCTION or TENANT/FUNCTION@VERSION")->required();
  invoke->add_option("path", invoke_.path, "what follows it, with a query if wanted")->capture_default_str();
  invoke->add_option("-X,--method", invoke_.method, "GET, or POST with a body");
  invoke->add_option("-d,--data", invoke_.body, "the body: text, @file, or - for standard input");
  invoke->add_option("-H,--header", invoke_.headers, "'Name: value'; may be repeated")->take_all();
  addExamples(invoke,
              "wasabi invoke acme/app\n"
              "  wasabi invoke acme/app@3 /orders?day=1 -d @order.json -H 'content-type: application/json'");

  CLI::App* logs = add(app, "logs", "what a function wrote",
                       [this](auto& client, auto output) { return cli::logs(client, logs_, output); });
  logs->add_option("function", logs_.function, "TENANT/FUNCTION")->required();
  logs->add_flag("-f,--follow", logs_.follow, "and what it writes from now on");
  logs->add_option("--since", logs_.since, "no older than, for example, 10m");
  logs->add_option("--request", logs_.request, "of one request, by its id");
  logs->add_option("--version", logs_.version, "of one version, by its number");
  logs->add_option("--limit", logs_.limit, "no more than so many, the newest")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  addExamples(logs, "wasabi logs acme/app -f --since 10m");

  CLI::App* top = add(app, "top", "superpods and functions, again each second",
                      [this](auto& client, auto output) { return cli::top(client, top_once_, output); });
  top->add_flag("--once", top_once_, "once");
  addExamples(top, "wasabi top --once");
}

void ApiCommands::addTenantSet(CLI::App& tenant) {
  CLI::App* set = add(tenant, "set", "quotas; those that are not named stay",
                      [this](auto& client, auto output) { return cli::setTenant(client, tenant_set_, output); });
  const auto size = [set](const char* name, std::optional<ByteSize>& value, const char* help) {
    set->add_option_function<std::string>(name, parsedInto(value, parseByteSize), help);
  };
  set->add_option("name", tenant_set_.tenant, "its name")->required();
  size("--memory", tenant_set_.memory, "booked at once, over the whole machine");
  set->add_option("--cpu-weight", tenant_set_.cpu_weight, "its share of processors, against the others'");
  set->add_option("--concurrency", tenant_set_.concurrency, "requests at once");
  set->add_option("--request-rate", tenant_set_.request_rate, "new requests per second");
  set->add_option("--functions", tenant_set_.functions, "so many at most");
  size("--stored", tenant_set_.stored, "modules, images and files of its versions");
  addExamples(set, "wasabi tenant set acme --memory 512MiB --cpu-weight 4");
}

void ApiCommands::addTenants(CLI::App& app) {
  CLI::App* tenant = app.add_subcommand("tenant", "customers")->require_subcommand(1);
  addExamples(tenant, "wasabi tenant create acme");
  add(*tenant, "list", "all", cli::listTenants);
  add(*tenant, "create", "a new one",
      [this](auto& client, auto output) { return cli::createTenant(client, tenant_, output); })
      ->add_option("name", tenant_, "a-z, 0-9 and '-'")
      ->required();
  addTenantSet(*tenant);
  add(*tenant, "delete", "one without functions",
      [this](auto& client, auto output) { return cli::deleteTenant(client, tenant_, output); })
      ->add_option("name", tenant_, "its name")
      ->required();

  CLI::App* token = app.add_subcommand("token", "who may use the API")->require_subcommand(1);
  addExamples(token, "wasabi token create ci --tenant acme");
  add(*token, "list", "all that the caller may see", cli::listTokens);
  CLI::App* create = add(*token, "create", "a new one, shown this once", [this](auto& client, auto output) {
    return cli::createToken(client, name_, tenant_, output);
  });
  create->add_option("name", name_, "for people")->required();
  create->add_option("--tenant", tenant_, "for what belongs to it; without, for an operator");
  add(*token, "revoke", "at once",
      [this](auto& client, auto output) { return cli::revokeToken(client, name_, output); })
      ->add_option("id", name_, "as list shows it")
      ->required();

  CLI::App* secret =
      app.add_subcommand("secret", "values that functions find in their environment")->require_subcommand(1);
  addExamples(secret, "printf %s hunter2 | wasabi secret set acme PASSWORD");
  add(*secret, "list", "names", [this](auto& client, auto output) { return cli::listSecrets(client, tenant_, output); })
      ->add_option("tenant", tenant_, "whose")
      ->required();
  const auto named = [&](const char* name, const char* help, auto action) {
    CLI::App* command = add(*secret, name, help, [this, action](auto& client, auto output) {
      return action(client, tenant_, name_, output);
    });
    command->add_option("tenant", tenant_, "whose")->required();
    command->add_option("name", name_, "as the environment variable")->required();
  };
  named("set", "the value comes from standard input", cli::setSecret);
  named("delete", "functions that name it cannot be started any more", cli::deleteSecret);
}

}  // namespace wasabi
