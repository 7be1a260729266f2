#include "catalog/manifest_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "catalog/beneath.h"
#include "catalog/digest.h"
#include "catalog/manifest_parser.h"
#include "catalog/plain_files.h"

namespace wasabi::catalog {
namespace {

constexpr std::size_t kMaxSecretBytes = 64 << 10;

bool isShortage(const Error& error) {
  return error.code() == ErrorCode::kExhausted;
}

Result<struct stat> statusOf(int fd, const std::string& path) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return fail(Error::fromErrno(path, errno));
  return status;
}

// Up to one byte more than `most`, so that whoever looks at it sees when there is too much.
Result<std::string> readSmallFile(int directory_fd, const std::string& path, std::size_t most) {
  auto file = openBeneath(directory_fd, path, O_RDONLY | O_NONBLOCK);
  if (!file) return fail(std::move(file).error());
  auto status = statusOf(file->get(), path);
  if (!status) return fail(std::move(status).error());
  if (!S_ISREG(status->st_mode)) return fail(ErrorCode::kInvalid, path + " is not a regular file");
  std::string text(most + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file->get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Error::fromErrno(path, errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

// Where the folder really is, with no link on the way: what is opened there later cannot be redirected, and a
// folder that was swapped by a link has a name of its own.
Result<std::string> realPathOf(int fd) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), target.data(), target.size());
  if (size < 0) return fail(Error::fromErrno("/proc/self/fd", errno));
  return std::string(target.data(), static_cast<std::size_t>(size));
}

// What a box cannot keep it does not promise.
Result<void> checkBoxServes(const Manifest& manifest) {
  if (manifest.container) {
    return fail(ErrorCode::kInvalid,
                "'image' is a container, which a box cannot run: deploy it to `wasabi serve`, or as a service of the "
                "container platform");
  }
  if (manifest.platform.visibility.value_or(Visibility::kPublic) != Visibility::kPublic) {
    return fail(
        ErrorCode::kInvalid,
        "'visibility' is not \"public\", and a box cannot tell who calls: deploy it to `wasabi serve`, or leave "
        "the key out and close the way to the box");
  }
  return {};
}

}  // namespace

FileStamp stampBeneath(int directory_fd, const std::string& path) {
  struct stat status{};
  return fstatat(directory_fd, path.c_str(), &status, 0) == 0 ? stampOf(status) : FileStamp{};
}

struct ManifestReader::Reading {
  int directory_fd;
  const FunctionName& name;
  const Settled& settled;
  std::string manifest_file;
  ReadFunction result;

  void problem(int line, std::string reason) { result.problems.push_back({manifest_file, line, std::move(reason)}); }
  void problem(std::string_view context, const Error& error) {
    result.retry = result.retry || isShortage(error);
    problem(0, fmt::format("{}{}", context, error.message()));
  }
};

ReadFunction ManifestReader::read(int directory_fd, const FunctionName& name, const Settled& settled) {
  const std::string path = name.toString() + ".toml";
  Reading reading{directory_fd, name, settled, directory_ + "/" + path, {}};
  auto text = readSmallFile(directory_fd, path, kMaxManifestBytes);
  if (!text) {
    reading.problem("", text.error());
    return std::move(reading.result);
  }
  ParsedManifest parsed = parseManifest(*text, terms_.defaults);
  for (TextProblem& found : parsed.problems) reading.problem(found.line, std::move(found.reason));
  if (!reading.result.problems.empty()) return std::move(reading.result);

  const Manifest& manifest = parsed.manifest;
  if (auto servable = checkBoxServes(manifest); !servable) {
    reading.problem("", servable.error());
    return std::move(reading.result);
  }
  BuilderSpec spec{specWithSettings(name, manifest), {}, {}};
  spec.manifest_file = reading.manifest_file;
  if (const auto* digest = std::get_if<ModuleDigest>(&manifest.module)) {
    // It may be missing here: a box that is handed compiled modules never reads it.
    spec.module = *digest;
    spec.module_file = fmt::format("{}/modules/{}.wasm", directory_, digest->toHex());
  } else if (const auto* remote = std::get_if<RemoteModule>(&manifest.module)) {
    takeRemote(reading, remote->reference, spec);
  } else {
    resolveModule(reading, std::get<std::string>(manifest.module), spec);
  }
  if (!manifest.files.empty()) resolveFiles(reading, manifest.files, spec);
  if (!reading.result.problems.empty() || reading.result.unsettled) return std::move(reading.result);
  if (terms_.reader == CatalogTerms::Reader::kBuilder) {
    spec.version = ModuleDigest{sha256(*text + spec.module.toHex())}.toHex();
    spec.manifest_text = std::move(*text);
    reading.result.function = std::make_shared<BuilderSpec>(std::move(spec));
    return std::move(reading.result);
  }
  // A version tells which secrets it gets, and nothing of their values.
  spec.version = versionOf(spec);
  resolveSecrets(reading, spec);
  if (!reading.result.problems.empty()) return std::move(reading.result);
  reading.result.function = std::make_shared<FunctionSpec>(std::move(static_cast<FunctionSpec&>(spec)));
  return std::move(reading.result);
}

void ManifestReader::takeRemote(Reading& reading, const std::string& reference, BuilderSpec& spec) {
  if (terms_.reader == CatalogTerms::Reader::kBuilder) {
    spec.module_reference = reference;
    return;
  }
  reading.problem(0,
                  "'module' lies in a registry, from which a box fetches nothing: let wasabi-companion fetch and "
                  "compile it (docs/companion.md), or deploy it to `wasabi serve`");
}

void ManifestReader::resolveModule(Reading& reading, const std::string& path, FunctionSpec& spec) {
  const std::string beneath = path.starts_with('/') ? path : reading.name.tenant + "/" + path;
  const FileStamp stamp = stampBeneath(reading.directory_fd, beneath);
  reading.result.dependencies.push_back({beneath, stamp});
  if (!reading.settled(stamp)) {
    reading.result.unsettled = true;
    return;
  }
  auto digest = digestOf(reading.directory_fd, beneath);
  if (!digest) return reading.problem("module ", digest.error());
  spec.module = *digest;
  spec.module_file = directory_ + "/" + beneath;
}

void ManifestReader::resolveFiles(Reading& reading, const std::string& path, FunctionSpec& spec) {
  const std::string beneath = path.starts_with('/') ? path : reading.name.tenant + "/" + path;
  reading.result.dependencies.push_back({beneath, stampBeneath(reading.directory_fd, beneath)});
  auto folder = openBeneath(reading.directory_fd, beneath, O_PATH | O_DIRECTORY);
  if (!folder) return reading.problem("files ", folder.error());
  if (auto plain = checkPlainFiles(reading.directory_fd, beneath); !plain) {
    return reading.problem("files ", plain.error());
  }
  auto real_path = realPathOf(folder->get());
  if (!real_path) return reading.problem("files ", real_path.error());
  spec.files_directory = std::move(*real_path);
}

void ManifestReader::resolveSecrets(Reading& reading, FunctionSpec& spec) {
  if (spec.secrets.empty()) return;
  if (terms_.secrets_directory.empty()) {
    return reading.problem(0, "'secrets': this box was given none; start it with --secrets, or leave the key out");
  }
  FileDescriptor directory(open(terms_.secrets_directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return reading.problem("secrets ", Error::fromErrno(terms_.secrets_directory, errno));
  for (const std::string& name : spec.secrets) {
    auto value = readSmallFile(directory.get(), spec.name.tenant + "/" + name, kMaxSecretBytes);
    if (!value) return reading.problem("secret ", value.error());
    if (value->size() > kMaxSecretBytes || value->find('\0') != std::string::npos) {
      return reading.problem(0, fmt::format("secret {}: more than {} bytes, or a zero byte in them: no environment "
                                            "variable holds that",
                                            name, kMaxSecretBytes));
    }
    spec.environment[name] = std::move(*value);
  }
}

Result<ModuleDigest> ManifestReader::digestOf(int directory_fd, const std::string& path) {
  auto file = openBeneath(directory_fd, path, O_RDONLY | O_NONBLOCK);
  if (!file) return fail(std::move(file).error());
  auto status = statusOf(file->get(), path);
  if (!status) return fail(std::move(status).error());
  const FileStamp stamp = stampOf(*status);
  if (!S_ISREG(status->st_mode)) return fail(ErrorCode::kInvalid, path + " is not a regular file");
  if (stamp.size > kMaxModuleBytes.value) {
    return fail(ErrorCode::kInvalid,
                fmt::format("{} has {} bytes; a module may have {}", path, stamp.size, toString(kMaxModuleBytes)));
  }
  if (const auto known = digests_.find(path); known != digests_.end() && known->second.stamp == stamp) {
    known->second.used = true;
    return known->second.digest;
  }
  auto digest = sha256OfFile(file->get(), stamp.size);
  if (!digest) return fail(std::move(digest).error().within(path));
  digests_.insert_or_assign(path, KnownDigest{stamp, {*digest}});
  return ModuleDigest{*digest};
}

void ManifestReader::keepDigest(const std::string& module_path) {
  if (const auto known = digests_.find(module_path); known != digests_.end()) known->second.used = true;
}

void ManifestReader::forgetUnusedDigests() {
  std::erase_if(digests_, [](const auto& entry) { return !entry.second.used; });
  for (auto& [path, known] : digests_) known.used = false;
}

}  // namespace wasabi::catalog
