#include "sandbox/container_config.h"

#include <nlohmann/json.hpp>

#include "sandbox/oci_json.h"
#include "sandbox/seccomp_profile.h"

namespace wasabi::sandbox {
namespace {

using nlohmann::json;

// Of what Docker gives: what packages' own scripts and servers that change their user need, in a user namespace.
constexpr const char* kCapabilities[] = {"CAP_CHOWN",      "CAP_DAC_OVERRIDE",    "CAP_FOWNER", "CAP_FSETID",
                                         "CAP_KILL",       "CAP_SETGID",          "CAP_SETUID", "CAP_SETPCAP",
                                         "CAP_SYS_CHROOT", "CAP_NET_BIND_SERVICE"};

json mounts() {
  const auto in_memory = [](const char* at, const char* mode, const char* size) {
    return json{{"destination", at},
                {"type", "tmpfs"},
                {"source", "tmpfs"},
                {"options", {"nosuid", "noexec", "nodev", mode, size}}};
  };
  json all = basicMounts();
  all.push_back({{"destination", "/dev/pts"},
                 {"type", "devpts"},
                 {"source", "devpts"},
                 {"options", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}}});
  all.push_back(in_memory("/dev/shm", "mode=1777", "size=65536k"));
  return all;
}

json namespacesOf(std::uint32_t first_user) {
  json namespaces = basicNamespaces();
  if (first_user != 0) namespaces.push_back({{"type", "user"}});
  return namespaces;
}

}  // namespace

std::string containerConfig(const ContainerSpec& spec, const std::string& root, const std::string& control_group,
                            std::uint32_t first_user) {
  const json none = json::array();
  json user = {{"uid", spec.user}, {"gid", spec.group}, {"umask", 022}};
  if (!spec.groups.empty()) user["additionalGids"] = spec.groups;
  json config = {{"ociVersion", "1.0.2"},
                 {"hostname", spec.name},
                 {"root", {{"path", root}, {"readonly", false}}},
                 {"mounts", mounts()},
                 {"process",
                  {{"terminal", false},
                   {"user", std::move(user)},
                   {"cwd", spec.working_directory.empty() ? "/" : spec.working_directory},
                   {"args", spec.command},
                   {"env", spec.environment},
                   {"noNewPrivileges", true},
                   {"capabilities",
                    {{"bounding", kCapabilities},
                     {"effective", kCapabilities},
                     {"permitted", kCapabilities},
                     {"inheritable", none},
                     {"ambient", none}}}}},
                 {"linux",
                  {{"namespaces", namespacesOf(first_user)},
                   {"cgroupsPath", control_group},
                   {"resources", resourcesOf(spec.walls)},
                   {"seccomp", seccompProfileOfContainers()},
                   {"maskedPaths", maskedPaths()},
                   {"readonlyPaths", readonlyPaths()}}}};
  if (first_user != 0) {
    const json mapped = json::array({{{"containerID", 0}, {"hostID", first_user}, {"size", kContainerUsers}}});
    config["linux"]["uidMappings"] = mapped;
    config["linux"]["gidMappings"] = mapped;
  }
  return config.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace wasabi::sandbox
