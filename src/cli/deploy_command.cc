// wasabi deploy: upload, record, compile or unpack, and a first look at what came of it.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "base/function_name.h"
#include "catalog/manifest_parser.h"
#include "cli/api_answer.h"
#include "cli/archive_source.h"
#include "cli/manifest_edit.h"
#include "cli/registry_login.h"
#include "cli/table.h"
#include "oci/reference.h"

namespace wasabi::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kManifestName = "wasabi.toml";
constexpr std::string_view kManifestSuffix = ".toml";
constexpr std::size_t kMostModuleBytes = 128 << 20;
constexpr Duration kLongestBuild = std::chrono::minutes(15);
constexpr Duration kLongestPull = std::chrono::minutes(15);
constexpr int kWarmCalls = 10;

Result<std::string> readAll(std::istream& stream, const std::string& what) {
  std::string bytes;
  std::string block(1 << 20, '\0');
  while (stream.read(block.data(), static_cast<std::streamsize>(block.size())) || stream.gcount() > 0) {
    bytes.append(block, 0, static_cast<std::size_t>(stream.gcount()));
    if (bytes.size() > kMostModuleBytes) {
      return fail(ErrorCode::kInvalid, fmt::format("{} has more than {} bytes", what, kMostModuleBytes));
    }
  }
  return bytes;
}

Result<std::string> readFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::kNotFound, "cannot read " + path.string());
  return readAll(file, path.string());
}

// One of module, image and reference says what to deploy.
struct Input {
  FunctionName name;
  std::string module;
  std::string files;      // folder of what a module sees; empty for none
  std::string image;      // path of a layout or an archive
  std::string reference;  // of what the server fetches
  std::string manifest;
  std::string source;
};

bool isRemote(std::string_view source) {
  return source.starts_with(catalog::kRemoteScheme);
}

Result<catalog::Manifest> manifestIn(const fs::path& file, const std::string& text) {
  catalog::ParsedManifest parsed = catalog::parseManifest(text, {}, catalog::ProgramKey::kOptional);
  if (parsed.problems.empty()) return std::move(parsed.manifest);
  const catalog::TextProblem& first = parsed.problems.front();
  return fail(ErrorCode::kInvalid, fmt::format("{}:{}: {}", file.string(), first.line, first.reason));
}

// What a manifest says of its module is a path beside it, or the digest of a file in its catalog; the server is given
// the module itself.
Result<std::string> moduleBeside(const fs::path& manifest_file, const catalog::Manifest& manifest) {
  if (const auto* digest = std::get_if<catalog::ModuleDigest>(&manifest.module)) {
    return readFile(manifest_file.parent_path() / "../modules" / (digest->toHex() + ".wasm"));
  }
  const auto* path = std::get_if<std::string>(&manifest.module);
  if (path == nullptr || path->empty()) {
    return fail(ErrorCode::kInvalid,
                manifest_file.string() + " names no program; write module = \"app.wasm\" or image = \"oci://...\"");
  }
  return readFile(manifest_file.parent_path() / *path);
}

// Of a container function: its image, by name or by a path beside the manifest. What was named itself goes before.
void takeImage(const DeployCommand& command, bool by_manifest, const fs::path& manifest_file,
               const catalog::ContainerSettings& container, Input& input) {
  if (!by_manifest) {
    (isRemote(command.source) ? input.reference : input.image) = command.source;
  } else if (isRemote(container.image)) {
    input.reference = container.image;
  } else {
    input.image = (manifest_file.parent_path() / container.image).string();
  }
}

Result<void> takeModule(const DeployCommand& command, bool by_manifest, const fs::path& manifest_file,
                        const catalog::Manifest& manifest, Input& input) {
  if (isRemote(command.source)) {
    input.reference = command.source;
    return {};
  }
  if (const auto* remote = std::get_if<catalog::RemoteModule>(&manifest.module); remote != nullptr && by_manifest) {
    input.reference = remote->reference;
    return {};
  }
  auto module = command.source == "-" ? readAll(std::cin, "the module on standard input")
                : by_manifest         ? moduleBeside(manifest_file, manifest)
                                      : readFile(command.source);
  if (!module) return fail(std::move(module.error()));
  input.module = std::move(*module);
  return {};
}

Result<Input> readInput(const DeployCommand& command) {
  Input input;
  const fs::path source = command.source;
  std::error_code ignored;
  const bool is_folder = command.source != "-" && !isRemote(command.source) && fs::is_directory(source, ignored);
  const bool is_manifest = !isRemote(command.source) && source.extension() == kManifestSuffix;
  // Then the manifest says what the program is.
  const bool by_manifest = is_folder || is_manifest;
  const fs::path manifest_file = !command.manifest_file.empty() ? fs::path(command.manifest_file)
                                 : is_folder                    ? source / kManifestName
                                 : is_manifest                  ? source
                                                                : fs::path();
  if (!manifest_file.empty()) {
    auto text = readFile(manifest_file);
    if (!text) return fail(std::move(text.error()));
    input.manifest = std::move(*text);
  }
  auto parsed = manifestIn(manifest_file, input.manifest);
  if (!parsed) return fail(std::move(parsed.error()));
  if (parsed->container) {
    takeImage(command, by_manifest, manifest_file, *parsed->container, input);
  } else if (auto taken = takeModule(command, by_manifest, manifest_file, *parsed, input); !taken) {
    return fail(std::move(taken.error()));
  }
  if (!parsed->files.empty()) input.files = (manifest_file.parent_path() / parsed->files).string();
  auto manifest = withEnvironment(std::move(input.manifest), command.environment);
  if (!manifest) return fail(std::move(manifest.error()));
  input.manifest = std::move(*manifest);
  input.source = command.source == "-"      ? "standard input"
                 : !input.reference.empty() ? input.reference
                 : !input.image.empty()     ? fs::path(input.image).lexically_normal().filename().string()
                                            : source.filename().string();
  auto name = parseFunctionName(command.name);
  if (!name) return fail(ErrorCode::kInvalid, "which function? --name tenant/function");
  input.name = std::move(*name);
  return input;
}

class Progress {
 public:
  explicit Progress(Output output) : shows_(output != Output::kJson && ::isatty(STDERR_FILENO) != 0) {}
  void say(const std::string& what) {
    if (shows_) fmt::print(stderr, "\r\x1b[K{}", what);
  }
  void done() { say(""); }

 private:
  const bool shows_;
};

// "unpacking (3.0 MiB of 8.1 MiB)"
std::string stageText(const Json& version) {
  const Json stages = version.value("stages", Json::object());
  std::string text = textOf(stages, "now").empty() ? "building" : textOf(stages, "now");
  if (stages.contains("bytes_of")) {
    text += fmt::format(" ({} of {})", shortBytes(numberOf(stages, "bytes")), shortBytes(numberOf(stages, "bytes_of")));
  }
  return text;
}

// Of one GET: a function may want something else, then there is no figure.
std::optional<double> millisecondsOf(ApiClient& client, const std::string& target) {
  const auto begin = std::chrono::steady_clock::now();
  ApiRequest request;
  request.target = target;
  const auto reply = client.send(request);
  if (!reply || reply->status >= 500) return std::nullopt;
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

Json measured(ApiClient& client, const FunctionName& name, const std::string& number) {
  const std::string target = fmt::format("/{}@{}/", name.toString(), number);
  Json figures = Json::object();
  const auto first = millisecondsOf(client, target);
  if (!first) return figures;
  figures["first_ms"] = *first;
  std::vector<double> warm;
  for (int i = 0; i < kWarmCalls; ++i) {
    if (const auto one = millisecondsOf(client, target)) warm.push_back(*one);
  }
  if (warm.empty()) return figures;
  std::ranges::sort(warm);
  figures["warm_ms"] = warm[warm.size() / 2];
  return figures;
}

// The digest of what was sent.
Result<std::string> uploadArchive(ApiClient& client, Result<ArchiveSource> archive, const std::string& kind,
                                  const std::string& path, Progress& progress) {
  if (!archive) return fail(std::move(archive.error()));
  std::uint64_t sent = 0;
  const auto next = [&]() -> Result<std::string> {
    auto piece = archive->next();
    if (!piece) return piece;
    sent += piece->size();
    progress.say(fmt::format("uploading {} of {}", shortBytes(static_cast<double>(sent)),
                             shortBytes(static_cast<double>(archive->bytes()))));
    return piece;
  };
  auto uploaded = client.upload("/uploads?kind=" + kind, next, kLongestPull);
  if (!uploaded) return fail(std::move(uploaded.error()).within(path));
  return Json::parse(*uploaded, nullptr, false).value("digest", "");
}

// The files that the module sees, if there are any.
Result<void> addFiles(ApiClient& client, const Input& input, Progress& progress, Json& body) {
  if (input.files.empty()) return {};
  auto files = uploadArchive(client, ArchiveSource::ofFiles(input.files), "files", input.files, progress);
  if (!files) return fail(std::move(files.error()));
  body["files"] = *files;
  return {};
}

Result<Json> deployUpload(ApiClient& client, const std::string& path, Input input, bool promote, Progress& progress) {
  auto uploaded = client.call("POST", "/uploads?kind=module", std::move(input.module), "application/wasm");
  if (!uploaded) return fail(std::move(uploaded.error()));
  const Json blob = Json::parse(*uploaded, nullptr, false);
  Json body = {{"module", blob.value("digest", "")},
               {"manifest", input.manifest},
               {"source", input.source},
               {"promote", promote}};
  if (auto added = addFiles(client, input, progress, body); !added) return fail(std::move(added.error()));
  return ask(client, "POST", path, body);
}

Result<Json> deployImage(ApiClient& client, const std::string& path, const Input& input, bool promote,
                         Progress& progress) {
  auto image = uploadArchive(client, ArchiveSource::ofImage(input.image), "image", input.image, progress);
  if (!image) return fail(std::move(image.error()));
  return ask(client, "POST", path,
             {{"image", *image}, {"manifest", input.manifest}, {"source", input.source}, {"promote", promote}});
}

Result<Json> deployRemote(ApiClient& client, const std::string& path, const Input& input, const DeployCommand& command,
                          Progress& progress) {
  auto reference = oci::parseReference(input.reference);
  if (!reference) return fail(std::move(reference.error()));
  Json body = {{"oci", input.reference}, {"manifest", input.manifest}, {"promote", command.promote}};
  auto login = loginFor(reference->registry, command.credential_file);
  if (!login) return fail(std::move(login.error()));
  if (!command.credential_file.empty() && !*login) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{} knows nobody at {}", command.credential_file, reference->registry));
  }
  if (*login && (*login)->identity_token) {
    return fail(ErrorCode::kInvalid, "an identity token is known for that registry; the server needs a password");
  }
  if (*login) {
    body["oci_username"] = (*login)->username;
    body["oci_password"] = (*login)->secret;
  }
  if (auto added = addFiles(client, input, progress, body); !added) return fail(std::move(added.error()));
  return ask(client, "POST", path, body, kLongestPull);
}

}  // namespace

Result<void> deploy(ApiClient& client, const DeployCommand& command, Output output) {
  auto input = readInput(command);
  if (!input) return fail(std::move(input.error()));
  Progress progress(output);
  progress.say(!input->reference.empty()
                   ? "the server fetches " + input->reference
                   : fmt::format("uploading {}", shortBytes(static_cast<double>(input->module.size()))));
  const FunctionName name = input->name;
  const std::string path = "/functions/" + name.toString() + "/versions";
  auto version = !input->reference.empty() ? deployRemote(client, path, *input, command, progress)
                 : !input->image.empty()   ? deployImage(client, path, *input, command.promote, progress)
                                           : deployUpload(client, path, std::move(*input), command.promote, progress);
  if (!version) return fail(std::move(version.error()));
  const std::string number = textOf(*version, "number");
  const bool is_new = version->value("is_new", false);
  const std::string what = fmt::format("{}@{}", name.toString(), number);
  const TimePoint end = Clock::now() + kLongestBuild;
  while (textOf(*version, "state") == "building") {
    if (Clock::now() > end) {
      return fail(ErrorCode::kTimeout,
                  fmt::format("{} is still being built; see `wasabi versions {}`", what, name.toString()));
    }
    progress.say(stageText(*version) + " " + what);
    version = ask(client, "GET", path + "/" + number + "?wait=1s");
    if (!version) return fail(std::move(version.error()));
  }
  progress.done();
  if (textOf(*version, "state") == "failed") return fail(ErrorCode::kInvalid, textOf(*version, "reason"));
  version->update(measured(client, name, number));
  if (output == Output::kJson) {
    (*version)["is_new"] = is_new;
    printJson(*version);
    return {};
  }
  print(is_new ? fmt::format("{} is ready\n", what) : fmt::format("{} is as before, and ready\n", what));
  print(fmt::format("  url      {}\n", textOf(*version, "url")));
  print(fmt::format("  traffic  {} %\n", textOf(*version, "percent")));
  if (version->contains("first_ms")) {
    print(fmt::format("  answers  first after {:.1f} ms, then after {:.1f} ms\n", numberOf(*version, "first_ms"),
                      numberOf(*version, "warm_ms")));
  }
  print(fmt::format("  memory   {} at most\n", shortBytes(numberOf(*version, "memory_bytes"))));
  return {};
}

}  // namespace wasabi::cli
