// What becomes a version: a module or an image that was uploaded, or one of a registry.
#include <fmt/format.h>

#include <utility>

#include "api/call.h"
#include "api/json.h"
#include "api/version_json.h"
#include "base/text.h"
#include "catalog/manifest_parser.h"

namespace wasabi::api {
namespace {

std::optional<platform::Digest> digestIn(Call& call, std::string_view text) {
  constexpr std::string_view kSha256 = "sha256:";
  auto digest = catalog::parseModuleDigest(text.substr(text.starts_with(kSha256) ? kSha256.size() : 0));
  if (digest) return *digest;
  call.refuse(digest.error());
  return std::nullopt;
}

void answerDeployed(Call& call, const FunctionName& name, const Result<platform::Deployed>& deployed) {
  if (!deployed) return call.refuse(deployed.error());
  const platform::SnapshotPtr snapshot = call.platform().snapshot();
  const platform::FunctionRecord* function = snapshot->function(name.tenant, name.function);
  const platform::VersionEntry* entry = function ? function->find(deployed->version->number) : nullptr;
  if (!entry) return call.refuse(409, "the function was deleted meanwhile");
  Json json = versionJson(*function, *entry, call);
  json["is_new"] = deployed->is_new;
  call.answer(deployed->is_new ? 202 : 200, toText(json));
}

// Answered once module or image are there, or cannot be had.
void deployFrom(Call& call, deploy::Remote remote, platform::Deployment deployment) {
  call.auditBegun();
  const FunctionName name = deployment.name;
  using Where = deploy::Deployer::Where;
  call.services().deployer.deployFrom(
      std::move(remote), std::move(deployment),
      [&loop = call.services().loop, name, held = call.shared_from_this()](Result<platform::Deployed> deployed,
                                                                           Where where) mutable {
        loop.post([name, where, held = std::move(held), deployed = std::move(deployed)] {
          if (!held->open()) return;
          const bool sent_damaged = !deployed && deployed.error().code() == ErrorCode::kCorrupt;
          if (sent_damaged && where == Where::kRegistry) return held->refuse(502, deployed.error().message());
          answerDeployed(*held, name, deployed);
        });
      });
}

struct DeployInput {
  platform::Deployment deployment;
  std::string module;  // uploaded, as `image`; both are empty with `remote`
  std::string image;
  std::string files;  // empty for none
  std::optional<deploy::Remote> remote;
};

// What a manifest names as its image or module, where that lies in a registry.
std::optional<std::string> referenceInManifest(const std::string& manifest) {
  const catalog::ParsedManifest parsed = catalog::parseManifest(manifest, {}, catalog::ProgramKey::kOptional);
  if (!parsed.problems.empty()) return std::nullopt;
  if (const auto* module = std::get_if<catalog::RemoteModule>(&parsed.manifest.module)) return module->reference;
  const auto& container = parsed.manifest.container;
  const bool is_remote = container && container->image.starts_with(catalog::kRemoteScheme);
  return is_remote ? std::optional(container->image) : std::nullopt;
}

Result<DeployInput> readDeploy(const Call& call) {
  DeployInput read;
  JsonInput input(call.body());
  read.deployment.manifest = input.optionalText("manifest").value_or("");
  read.module = input.optionalText("module").value_or("");
  read.image = input.optionalText("image").value_or("");
  read.files = input.optionalText("files").value_or("");
  auto oci = input.optionalText("oci");
  const auto username = input.optionalText("oci_username");
  const auto password = input.optionalText("oci_password");
  read.deployment.promote = input.flag("promote").value_or(true);
  read.deployment.source = input.optionalText("source").value_or("upload");
  read.deployment.content_bytes = input.count("bytes").value_or(0);
  if (auto finished = input.finish(); !finished) return fail(std::move(finished.error()));
  if (auto named = referenceInManifest(read.deployment.manifest); named && read.image.empty() && read.module.empty()) {
    if (oci && *oci != *named) {
      return fail(ErrorCode::kInvalid, fmt::format("'oci' is {}, and the manifest names {}", *oci, *named));
    }
    oci = std::move(named);
  }
  const int named = !read.module.empty() + !read.image.empty() + oci.has_value();
  if (named != 1) {
    return fail(ErrorCode::kInvalid,
                "one of 'module', 'image' and 'oci' says what to deploy, or what the manifest names and begins with "
                "oci://");
  }
  if (!oci && (username || password))
    return fail(ErrorCode::kInvalid, "'oci_username' and 'oci_password' go with 'oci'");
  if (username.has_value() != password.has_value()) {
    return fail(ErrorCode::kInvalid, "'oci_username' and 'oci_password' go together");
  }
  if (oci) read.remote.emplace(deploy::Remote{*oci, {}});
  if (oci && username) read.remote->credentials.emplace(oci::Credentials{*username, *password, false});
  return read;
}

void deploy(Call& call) {
  const FunctionName name{call.argument(0), call.argument(1)};
  if (!call.mayTouch(name.tenant)) return;
  auto read = readDeploy(call);
  if (!read) return call.refuse(read.error());
  if (!isLabel(name.function)) {
    return call.refuse(
        400, fmt::format("'{}' is not a name: 1 to 63 of a-z, 0-9 and '-', no '-' at either end", name.function));
  }
  platform::Deployment& deployment = read->deployment;
  deployment.name = name;
  if (!read->files.empty()) {
    deployment.files = digestIn(call, read->files);
    if (!deployment.files) return;
  }
  deployment.created_by = call.caller().name.empty() ? call.caller().id : call.caller().name;
  deployment.now_ms = call.services().unix_ms();
  if (read->remote) return deployFrom(call, std::move(*read->remote), std::move(deployment));
  std::optional<platform::Digest>& content = read->image.empty() ? deployment.module : deployment.image;
  content = digestIn(call, read->image.empty() ? read->module : read->image);
  if (!content) return;
  answerDeployed(call, name, call.services().deployer.deploy(std::move(deployment)));
}

}  // namespace

std::vector<Endpoint> deployEndpoints() {
  return {{"POST", "/functions/{}/{}/versions", Who::kAnyToken, Endpoint::Body::kJson, deploy}};
}

}  // namespace wasabi::api
