#include "cli/registry_login.h"

#include <utility>

namespace wasabi::cli {

Result<std::optional<oci::Credentials>> loginFor(const std::string& registry, const std::string& file) {
  if (file.empty()) return std::nullopt;
  auto known = oci::CredentialFile::read(file);
  if (known) return known->find(registry);
  if (known.error().code() == ErrorCode::kNotFound) return std::nullopt;
  return fail(std::move(known.error()));
}

std::string usualCredentialFile(const char* docker_config, const char* home) {
  if (docker_config != nullptr && *docker_config != '\0') return std::string(docker_config) + "/config.json";
  if (home != nullptr && *home == '/') return std::string(home) + "/.docker/config.json";
  return {};
}

}  // namespace wasabi::cli
