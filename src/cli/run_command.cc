#include "cli/run_command.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "catalog/manifest_parser.h"

namespace wasabi::cli {
namespace {

namespace fs = std::filesystem;

// A JSON string with its escapes is a TOML basic string.
std::string tomlString(std::string_view text) {
  std::string out;
  appendJsonString(out, text);
  return out;
}

std::string tomlList(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) out += (out.size() > 1 ? ", " : "") + tomlString(item);
  return out + "]";
}

// A directory that is gone when the object is.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> make() {
    std::string path = (fs::temp_directory_path() / "wasabi-run-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) return fail(Error::fromErrno("cannot make " + path, errno));
    return TemporaryDirectory(std::move(path));
  }
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit TemporaryDirectory(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

Result<void> fillCatalog(const RunOptions& options, const fs::path& catalog) {
  std::error_code error;
  const fs::path tenant = catalog / "run";
  fs::create_directories(tenant, error);
  if (!error) fs::copy_file(options.module_file, tenant / "app.wasm", error);
  if (error) return fail(ErrorCode::kIo, fmt::format("cannot read {}: {}", options.module_file, error.message()));
  if (!options.files_directory.empty()) {
    fs::copy(options.files_directory, tenant / "files", fs::copy_options::recursive | fs::copy_options::skip_symlinks,
             error);
    if (error) {
      return fail(ErrorCode::kIo, fmt::format("cannot copy {}: {}", options.files_directory, error.message()));
    }
  }
  std::ofstream manifest(tenant / "app.toml");
  manifest << manifestFor(options);
  manifest.close();
  if (!manifest) return fail(ErrorCode::kIo, "cannot write the manifest under " + catalog.string());
  return {};
}

std::vector<std::string> boxArguments(const RunOptions& options, const fs::path& catalog) {
  std::vector<std::string> arguments = {options.box_program,
                                        "--catalog",
                                        catalog.string(),
                                        "--store",
                                        options.store_directory + "/store",
                                        "--listen",
                                        options.listen,
                                        "--access-log",
                                        "-",
                                        "--function-log",
                                        "-"};
  if (!options.admin.empty()) arguments.insert(arguments.end(), {"--admin", options.admin});
  if (options.allow_private_networks) arguments.push_back("--allow-private-networks");
  return arguments;
}

[[noreturn]] void becomeBox(std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::execv(argv[0], argv.data());
  constexpr int kCannotExecute = 127;
  ::_exit(kCannotExecute);
}

// Hands SIGINT and SIGTERM on to the child until it ends.
int waitFor(pid_t child, const sigset_t& signals) {
  while (true) {
    int number = 0;
    ::sigwait(&signals, &number);
    if (number != SIGCHLD) {
      ::kill(child, SIGTERM);
      continue;
    }
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) != child) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

}  // namespace

std::string manifestFor(const RunOptions& options) {
  std::string out = "module = \"app.wasm\"\n";
  const auto add = [&out](std::string_view key, const std::string& value) {
    fmt::format_to(std::back_inserter(out), "{} = {}\n", key, value);
  };
  if (!options.command_http.empty()) add("http", tomlString(options.command_http));
  if (!options.arguments.empty()) add("args", tomlList(options.arguments));
  if (!options.outbound.empty()) add("outbound", tomlList(options.outbound));
  if (!options.files_directory.empty()) add("files", tomlString("files"));
  if (options.reuse > 0) add("reuse", std::to_string(options.reuse));
  out += "\n[[routes]]\npath = \"/\"\n";
  if (!options.memory.empty() || !options.cpu.empty() || !options.timeout.empty()) out += "\n[limits]\n";
  if (!options.memory.empty()) add("memory", tomlString(options.memory));
  if (!options.cpu.empty()) add("cpu", tomlString(options.cpu));
  if (!options.timeout.empty()) add("timeout", tomlString(options.timeout));
  if (!options.environment.empty()) out += "\n[env]\n";
  for (const auto& [name, value] : options.environment) add(tomlString(name), tomlString(value));
  return out;
}

Result<void> checkSettings(const RunOptions& options) {
  const catalog::ParsedManifest parsed = catalog::parseManifest(manifestFor(options));
  if (parsed.problems.empty()) return {};
  return fail(ErrorCode::kInvalid, parsed.problems.front().reason);
}

Result<int> run(const RunOptions& options) {
  if (auto checked = checkSettings(options); !checked) return fail(std::move(checked.error()));
  auto catalog = TemporaryDirectory::make();
  if (!catalog) return fail(std::move(catalog.error()));
  if (auto filled = fillCatalog(options, catalog->path()); !filled) return fail(std::move(filled.error()));
  std::error_code error;
  fs::create_directories(options.store_directory, error);
  if (error) {
    return fail(ErrorCode::kIo, fmt::format("cannot make {}: {}", options.store_directory, error.message()));
  }

  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGCHLD}) ::sigaddset(&signals, number);
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &signals, &before);
  std::vector<std::string> arguments = boxArguments(options, catalog->path());
  const pid_t child = ::fork();
  if (child < 0) return fail(Error::fromErrno("cannot start " + options.box_program, errno));
  if (child == 0) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    becomeBox(arguments);
  }
  return waitFor(child, signals);
}

std::string defaultRunStore() {
  if (const char* cache = ::getenv("XDG_CACHE_HOME"); cache && *cache) return std::string(cache) + "/wasabi-run";
  const char* home = ::getenv("HOME");
  return std::string(home ? home : "/tmp") + "/.cache/wasabi-run";
}

}  // namespace wasabi::cli
