#include "platform/version_file.h"

#include <fmt/format.h>

#include "platform/json_fields.h"

namespace wasabi::platform {

catalog::FunctionPtr specOfVersion(const FunctionName& name, std::uint32_t number, const catalog::Manifest& manifest,
                                   const Digest& module, const std::optional<Digest>& files,
                                   const std::string& directory) {
  auto spec = std::make_shared<catalog::FunctionSpec>(catalog::specWithSettings(name, manifest));
  spec->module = module;
  if (!manifest.container) spec->module_file = fmt::format("{}/modules/{}.wasm", directory, module.toHex());
  if (files) spec->files_directory = fmt::format("{}/files/{}", directory, files->toHex());
  spec->manifest_file = fmt::format("{}@{}", name.toString(), number);
  spec->version = catalog::versionOf(*spec);
  return spec;
}

std::string encodeVersion(const VersionFile& file) {
  const Version& version = file.version;
  Json json = {{"number", version.number},
               {"manifest", file.manifest},
               {"settings", file.settings},
               {version.isContainer() ? "image" : "module", version.content().toHex()},
               {"identity", version.identity.toHex()},
               {"source", version.source},
               {"created_by", version.created_by},
               {"created_ms", version.created_ms},
               {"content_bytes", version.content_bytes},
               {"files_bytes", version.files_bytes}};
  if (version.files) json["files"] = version.files->toHex();
  return writeJson(json);
}

Result<VersionFile> decodeVersion(std::string_view text, const FunctionName& name, const std::string& directory) {
  auto json = parseJsonObject(text, "a version of " + name.toString());
  if (!json) return fail(std::move(json).error());
  JsonFields fields(*json, "a version of " + name.toString());
  VersionFile file;
  file.manifest = fields.text("manifest");
  file.settings = fields.text("settings");
  catalog::ParsedManifest parsed = catalog::parseManifest(file.settings, {}, catalog::ProgramKey::kOptional);
  if (!parsed.problems.empty()) fields.wrong("settings", "a manifest: " + parsed.problems.front().reason);
  Version& version = file.version;
  version.number = fields.count<std::uint32_t>("number");
  version.container = parsed.manifest.container;
  version.settings = parsed.manifest.platform;
  version.files = fields.optionalDigest("files");
  const Digest content = fields.digest(version.isContainer() ? "image" : "module");
  if (version.isContainer()) version.image = content;
  version.identity = fields.digest("identity");
  version.source = fields.text("source");
  version.created_by = fields.text("created_by");
  version.created_ms = fields.time("created_ms");
  version.content_bytes = fields.count<std::uint64_t>("content_bytes");
  version.files_bytes = fields.count<std::uint64_t>("files_bytes");
  if (!fields.ok()) return fail(fields.takeError());
  version.spec = specOfVersion(name, version.number, parsed.manifest, version.isContainer() ? Digest{} : content,
                               version.files, directory);
  return file;
}

Result<std::string> manifestOfVersion(std::string_view text, std::string_view file) {
  auto json = parseJsonObject(text, file);
  if (!json) return fail(std::move(json).error());
  JsonFields fields(*json, file);
  std::string manifest = fields.text("manifest");
  if (!fields.ok()) return fail(fields.takeError());
  return manifest;
}

}  // namespace wasabi::platform
