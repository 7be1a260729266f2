#include "options.h"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "base/this_program.h"
#include "option_values.h"

namespace wasabi {
namespace {

namespace fs = std::filesystem;

void addPlaces(CLI::App& app, CompanionOptions& options) {
  app.add_option("--catalog", options.companion.catalog_directory, "directory with <tenant>/<function>.toml, followed")
      ->required();
  app.add_option("--shared", options.companion.shared_directory,
                 "directory that the box may read: catalog/, store/ and builder.pub appear in it; made if absent")
      ->required();
  app.add_option("--key", options.builder.key_file, "signing key, where the box cannot read it; made if absent")
      ->required();
  app.add_option("--cache", options.cache_directory, "directory for what is fetched, of this companion alone")
      ->required();
  addDuration(app, "--patience", options.companion.patience,
              "the box is shown the catalog when all functions are ready, or after so long without the rest");
}

void addRegistries(CLI::App& app, CompanionOptions& options) {
  const std::string group = "Registries";
  app.add_option("--credentials", options.registry.credential_file,
                 "as `docker login` writes them; read anew for each fetch")
      ->group(group);
  app.add_option("--ca", options.registry.options.ca_file, "PEM file, in place of the machine's certificates")
      ->group(group);
  app.add_flag_callback(
         "--plain-http", [&options] { options.registry.options.transport = oci::Transport::kPlainHttp; },
         "no TLS; without it only to this machine")
      ->group(group);
  app.add_option("--at-once", options.companion.at_once, "functions fetched and compiled at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str()
      ->group(group);
  addDuration(app, "--longest-fetch", options.companion.longest_fetch, "of one module")->group(group);
}

void addCompiler(CLI::App& app, CompanionOptions& options) {
  const std::string group = "Compiling";
  app.add_option("--compiler", options.builder.compiler, "path of wasabi-compile")->capture_default_str()->group(group);
  app.add_option("--compile-jobs", options.builder.max_parallel, "compilers at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str()
      ->group(group);
  addDuration(app, "--compile-cpu", options.builder.cpu_limit, "CPU time one compilation may take")->group(group);
  addSize(app, "--compile-memory", options.builder.memory_limit, "memory one compilation may take")->group(group);
}

}  // namespace

std::variant<CompanionOptions, ExitCode> parseOptions(int argc, char** argv) {
  CompanionOptions options;
  options.builder.compiler = besideThisProgram("wasabi-compile");
  CLI::App app("Fetches and compiles the functions of a catalog for a box beside it.", "wasabi-companion");
  app.set_version_flag("--version", WASABI_VERSION);
  addPlaces(app, options);
  addRegistries(app, options);
  addCompiler(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ExitCode{app.exit(error) == 0 ? 0 : 2};
  }
  for (std::string* path : {&options.companion.catalog_directory, &options.companion.shared_directory,
                            &options.builder.key_file, &options.cache_directory}) {
    *path = fs::absolute(*path).lexically_normal().string();
  }
  options.builder.store_directory = options.companion.shared_directory + "/store";
  return options;
}

}  // namespace wasabi
