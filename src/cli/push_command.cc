#include "cli/push_command.h"

#include <fcntl.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/file_descriptor.h"
#include "oci/credentials.h"
#include "oci/push.h"

namespace wasabi::cli {
namespace {

Result<std::optional<oci::Credentials>> credentialsFor(const std::string& registry, const std::string& file) {
  if (file.empty()) return std::nullopt;
  auto known = oci::CredentialFile::read(file);
  if (known) return known->find(registry);
  if (known.error().code() == ErrorCode::kNotFound) return std::nullopt;
  return fail(std::move(known.error()));
}

}  // namespace

Result<Pushed> push(const PushCommand& command) {
  auto reference = oci::parseReference(command.reference);
  if (!reference) return fail(std::move(reference.error()));
  if (reference->digest) return fail(ErrorCode::kInvalid, "a push names a tag; the digest comes of it");
  const FileDescriptor file(::open(command.file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return fail(Error::fromErrno(command.file, errno));

  oci::RegistryOptions options;
  if (command.plain_http) options.transport = oci::Transport::kPlainHttp;
  options.ca_file = command.ca_file;
  auto credentials = credentialsFor(reference->registry, command.credential_file);
  if (!credentials) return fail(std::move(credentials.error()));
  options.credentials = std::move(*credentials);
  auto client = oci::RegistryClient::open(reference->registry, std::move(options));
  if (!client) return fail(std::move(client.error()));

  oci::PushOptions push;
  push.title = std::filesystem::path(command.file).filename().string();
  oci::TransferControl control;
  control.progress = command.progress;
  auto pushed = oci::pushWasm(*client, *reference, file.get(), push, control);
  if (!pushed) return fail(std::move(pushed.error()));
  reference->digest = pushed->manifest;
  return Pushed{oci::toString(*reference), oci::toString(pushed->module)};
}

std::string usualCredentialFile(const char* docker_config, const char* home) {
  if (docker_config != nullptr && *docker_config != '\0') return std::string(docker_config) + "/config.json";
  if (home != nullptr && *home == '/') return std::string(home) + "/.docker/config.json";
  return {};
}

}  // namespace wasabi::cli
