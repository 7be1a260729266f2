#include "cli/push_command.h"

#include <fcntl.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/file_descriptor.h"
#include "cli/registry_login.h"
#include "oci/push.h"

namespace wasabi::cli {
Result<Pushed> push(const PushCommand& command) {
  auto reference = oci::parseReference(command.reference);
  if (!reference) return fail(std::move(reference.error()));
  if (reference->digest) return fail(ErrorCode::kInvalid, "a push names a tag; the digest comes of it");
  const FileDescriptor file(::open(command.file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return fail(Error::fromErrno(command.file, errno));

  oci::RegistryOptions options;
  if (command.plain_http) options.transport = oci::Transport::kPlainHttp;
  options.ca_file = command.ca_file;
  auto credentials = loginFor(reference->registry, command.credential_file);
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

}  // namespace wasabi::cli
