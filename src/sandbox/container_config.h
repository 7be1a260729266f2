// What an OCI runtime is told about the container of a function.
#pragma once

#include <cstdint>
#include <string>

#include "sandbox/container_runner.h"

namespace wasabi::sandbox {

// Users and groups of images, in a user namespace.
inline constexpr std::uint32_t kContainerUsers = 65'536;

// The text of its config.json. `root`: where its files are; `first_user`: as ContainerRunner has it.
std::string containerConfig(const ContainerSpec& spec, const std::string& root, const std::string& control_group,
                            std::uint32_t first_user);

}  // namespace wasabi::sandbox
