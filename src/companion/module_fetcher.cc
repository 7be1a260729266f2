#include "companion/module_fetcher.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "oci/credentials.h"
#include "oci/pull.h"
#include "oci/reference.h"
#include "oci/registry_client.h"

namespace wasabi::companion {
namespace {

Result<std::optional<oci::Credentials>> credentialsFor(const std::string& registry, const std::string& file) {
  if (file.empty()) return std::nullopt;
  auto known = oci::CredentialFile::read(file);
  if (!known) return fail(std::move(known).error());
  return known->find(registry);
}

std::string blobsOf(const oci::ImageLayout& layout) {
  return layout.directory() + "/blobs/sha256/";
}

}  // namespace

FetchModule fetchInto(const oci::ImageLayout& layout, RegistryAccess access) {
  return [&layout, access = std::move(access)](const std::string& text,
                                               const std::stop_token& stop) -> Result<FetchedModule> {
    auto reference = oci::parseReference(text);
    if (!reference) return fail(std::move(reference).error());
    auto credentials = credentialsFor(reference->registry, access.credential_file);
    if (!credentials) return fail(std::move(credentials).error());
    oci::RegistryOptions options = access.options;
    options.credentials = std::move(*credentials);
    auto client = oci::RegistryClient::open(reference->registry, std::move(options));
    if (!client) return fail(std::move(client).error());
    auto pulled = oci::pullWasm(*client, *reference, layout, {stop, {}});
    if (!pulled) return fail(std::move(pulled).error());
    auto digest = catalog::parseModuleDigest(pulled->module.digest.toHex());
    if (!digest) return fail(std::move(digest).error());
    reference->digest = pulled->image.descriptor.digest;
    return FetchedModule{blobsOf(layout) + digest->toHex(), *digest, oci::toString(*reference)};
  };
}

void dropFetched(const oci::ImageLayout& layout) {
  std::error_code error;
  for (const auto& blob : std::filesystem::directory_iterator(blobsOf(layout), error)) {
    auto digest = oci::parseDigest("sha256:" + blob.path().filename().string());
    if (digest) (void)layout.removeBlob(*digest);
  }
}

}  // namespace wasabi::companion
