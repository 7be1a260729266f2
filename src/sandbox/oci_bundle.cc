#include "sandbox/oci_bundle.h"

#include <nlohmann/json.hpp>

#include "sandbox/oci_json.h"
#include "sandbox/root_file_system.h"
#include "sandbox/seccomp_profile.h"

namespace wasabi::sandbox {
namespace {

using nlohmann::json;

json bindMount(const std::string& from, std::string_view to, const char* access, bool executable) {
  json options = {"bind", access, "nosuid", "nodev"};
  if (!executable) options.push_back("noexec");
  return {{"destination", to}, {"type", "bind"}, {"source", from}, {"options", options}};
}

json mountsOf(const OciBundle& bundle) {
  json mounts = basicMounts();
  // Compiled modules are mapped to be executed.
  mounts.push_back(bindMount(bundle.paths.directory, kSuperpodInside, "ro", true));
  mounts.push_back(bindMount(bundle.paths.runtime, kRuntimeInside, "rw", false));
  if (!bundle.paths.verify_key.empty())
    mounts.push_back(bindMount(bundle.paths.verify_key, kVerifyKeyInside, "ro", false));
  if (bundle.walls.network == Network::kHost) {
    for (const std::string& file : bundle.resolver_files) mounts.push_back(bindMount(file, file, "ro", false));
  }
  return mounts;
}

json namespacesOf(const OciBundle& bundle) {
  json namespaces = basicNamespaces();
  if (bundle.walls.network == Network::kNone) namespaces.push_back({{"type", "network"}});
  if (bundle.user_namespace) namespaces.push_back({{"type", "user"}});
  return namespaces;
}

}  // namespace

std::string ociConfig(const OciBundle& bundle) {
  const json nothing = json::array();
  json config = {{"ociVersion", "1.0.2"},
                 {"hostname", "superpod"},
                 {"root", {{"path", bundle.root}, {"readonly", true}}},
                 {"mounts", mountsOf(bundle)},
                 {"process",
                  {{"terminal", false},
                   {"user", {{"uid", 0}, {"gid", 0}}},
                   {"cwd", "/"},
                   {"args", bundle.command},
                   {"env", nothing},
                   {"noNewPrivileges", true},
                   {"capabilities",
                    {{"bounding", nothing},
                     {"effective", nothing},
                     {"permitted", nothing},
                     {"inheritable", nothing},
                     {"ambient", nothing}}}}},
                 {"linux",
                  {{"namespaces", namespacesOf(bundle)},
                   {"cgroupsPath", bundle.control_group},
                   {"resources", resourcesOf(bundle.walls)},
                   {"seccomp", seccompProfile()},
                   {"maskedPaths", maskedPaths()},
                   {"readonlyPaths", readonlyPaths()}}}};
  if (bundle.user_namespace) {
    const auto only = [](std::uint32_t id) { return json::array({{{"containerID", 0}, {"hostID", id}, {"size", 1}}}); };
    config["linux"]["uidMappings"] = only(bundle.user_namespace->uid);
    config["linux"]["gidMappings"] = only(bundle.user_namespace->gid);
  }
  return config.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace wasabi::sandbox
