// Who the user is to registries.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "oci/credentials.h"

namespace wasabi::cli {

// What a file of `docker login` knows of a registry; nothing where there is no such file, or no name of one.
Result<std::optional<oci::Credentials>> loginFor(const std::string& registry, const std::string& file);

// $DOCKER_CONFIG/config.json, else ~/.docker/config.json. Empty without a home.
std::string usualCredentialFile(const char* docker_config, const char* home);

}  // namespace wasabi::cli
