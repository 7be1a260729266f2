// Which server the commands speak to, and by which token: ~/.config/wasabi/config.toml, mode 0600.
//
//   server = "http://127.0.0.1:8080"
//   token = "wsb_..."
//   ca = "/etc/ssl/mine.pem"     # optional
#pragma once

#include <optional>
#include <string>

#include "base/error.h"

namespace wasabi::cli {

struct UserConfig {
  std::string server;
  std::string token;
  std::string ca_file = {};  // PEM, believed besides the machine's; empty for none
};

// $XDG_CONFIG_HOME/wasabi/config.toml, or ~/.config/wasabi/config.toml. kNotFound without a home.
Result<std::string> userConfigPath();
// In place of what was there; its path.
Result<std::string> writeUserConfig(const UserConfig& config);
// Nothing where there is no such file. kInvalid names it and the line.
Result<std::optional<UserConfig>> readUserConfig();

}  // namespace wasabi::cli
