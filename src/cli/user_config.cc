#include "cli/user_config.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/file_descriptor.h"
#include "catalog/toml_library.h"

namespace wasabi::cli {

namespace fs = std::filesystem;

Result<std::string> userConfigPath() {
  if (const char* config = std::getenv("XDG_CONFIG_HOME"); config != nullptr && *config == '/') {
    return std::string(config) + "/wasabi/config.toml";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    return std::string(home) + "/.config/wasabi/config.toml";
  }
  return fail(ErrorCode::kNotFound, "HOME is not set");
}

Result<std::string> writeUserConfig(const UserConfig& config) {
  auto path = userConfigPath();
  if (!path) return path;
  std::error_code error;
  fs::create_directories(fs::path(*path).parent_path(), error);
  if (error) return fail(Error::fromErrno(*path, error.value()));
  const std::string unfinished = *path + ".new";
  FileDescriptor file(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  std::string text = fmt::format("server = \"{}\"\ntoken = \"{}\"\n", config.server, config.token);
  if (!config.ca_file.empty()) text += fmt::format("ca = \"{}\"\n", config.ca_file);
  if (!file.valid() || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::rename(unfinished.c_str(), path->c_str()) != 0) {
    return fail(Error::fromErrno("write " + *path, errno));
  }
  return path;
}

Result<std::optional<UserConfig>> readUserConfig() {
  const auto path = userConfigPath();
  if (!path) return std::nullopt;
  std::ifstream file(*path, std::ios::binary);
  if (!file) return std::nullopt;
  std::stringstream text;
  text << file.rdbuf();
  const toml::parse_result parsed = toml::parse(text.str());
  if (!parsed) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{}:{}: {}", *path, parsed.error().source().begin.line, parsed.error().description()));
  }
  const toml::table& table = parsed.table();
  return UserConfig{table["server"].value_or(std::string()), table["token"].value_or(std::string()),
                    table["ca"].value_or(std::string())};
}

}  // namespace wasabi::cli
