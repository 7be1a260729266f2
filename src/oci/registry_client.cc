#include "oci/registry_client.h"

#include <fmt/format.h>

#include <utility>

#include "oci/backoff.h"
#include "oci/blob_download.h"
#include "oci/blob_upload.h"
#include "oci/media_type.h"
#include "oci/registry_session.h"

namespace wasabi::oci {
namespace {

std::string acceptField() {
  return fmt::format("Accept: {}, {}, {}, {}", kOciManifest, kOciIndex, kDockerManifest, kDockerManifestList);
}

std::string manifestPath(const Reference& reference) {
  return fmt::format("/v2/{}/manifests/{}", reference.repository, reference.manifestName());
}

std::string nameOf(const Reference& reference) {
  return fmt::format("manifest {} of {}", reference.manifestName(), reference.repository);
}

struct Received {
  HttpHead head;
  std::string bytes;
};

// One attempt.
Result<HttpReply> receive(RegistrySession& session, const Reference& reference, Received& received,
                          const std::stop_token& stop) {
  received = {};
  const ByteSize limit = session.limits().document;
  const HttpReceiver receiver{[&](const HttpHead& head) -> Result<bool> {
                                received.head = head;
                                return head.status == 200;
                              },
                              [&](std::string_view bytes) -> Result<void> {
                                if (bytes.size() > limit.value - received.bytes.size()) {
                                  return fail(ErrorCode::kExhausted,
                                              fmt::format("a manifest of more than {}", toString(limit)));
                                }
                                received.bytes += bytes;
                                return {};
                              },
                              {}};
  RegistryRequest request{{}, {pullScope(reference.repository)}, nameOf(reference)};
  request.http.fields.push_back(acceptField());
  return session.send(session.url(manifestPath(reference)), request, receiver, stop);
}

Result<FetchedDocument> checked(const Reference& reference, Received received) {
  const Digest digest = digestOf(received.bytes);
  if (reference.digest && *reference.digest != digest) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("{}: what came has the digest {}", nameOf(reference), toString(digest)));
  }
  const auto told = parseDigest(received.head.field("docker-content-digest"));
  if (told && *told != digest) {
    return fail(ErrorCode::kCorrupt, fmt::format("{}: the registry says its digest is {}, what came has {}",
                                                 nameOf(reference), toString(*told), toString(digest)));
  }
  auto document = parseDocument(received.bytes, received.head.field("content-type"));
  if (!document) return fail(std::move(document).error().within(nameOf(reference)));
  std::string type = std::visit([](const auto& one) { return one.media_type; }, *document);
  return FetchedDocument{
      {std::move(type), digest, received.bytes.size(), {}, {}}, *std::move(document), std::move(received.bytes)};
}

}  // namespace

RegistryClient::RegistryClient(std::unique_ptr<RegistrySession> session) : session_(std::move(session)) {}
RegistryClient::RegistryClient(RegistryClient&&) noexcept = default;
RegistryClient& RegistryClient::operator=(RegistryClient&&) noexcept = default;
RegistryClient::~RegistryClient() = default;

Result<RegistryClient> RegistryClient::open(const std::string& registry, RegistryOptions options) {
  auto session = RegistrySession::open(registry, std::move(options));
  if (!session) return fail(std::move(session).error());
  return RegistryClient(*std::move(session));
}

const RegistryLimits& RegistryClient::limits() const {
  return session_->limits();
}

Result<FetchedDocument> RegistryClient::fetchDocument(const Reference& reference, const TransferControl& control) {
  Backoff backoff(session_->limits(), control.stop);
  Received received;
  while (true) {
    auto reply = receive(*session_, reference, received, control.stop);
    if (reply && reply->head.status == 200) return checked(reference, std::move(received));
    Error failure = reply ? session_->refusal(*reply, nameOf(reference)) : std::move(reply).error();
    if (!backoff.again(failure, reply ? RegistrySession::retryAfter(*reply) : Duration()))
      return fail(std::move(failure));
  }
}

Result<void> RegistryClient::fetchBlob(const std::string& repository, const Descriptor& blob, const ImageLayout& into,
                                       const TransferControl& control) {
  return downloadBlob(*session_, repository, blob, into, control);
}

Result<bool> RegistryClient::hasBlob(const std::string& repository, const Digest& digest,
                                     const TransferControl& control) {
  return registryHasBlob(*session_, repository, digest, control.stop);
}

Result<void> RegistryClient::pushFile(const std::string& repository, const Descriptor& blob, int fd,
                                      const std::string& mount_from, const TransferControl& control) {
  return uploadBlob(*session_, repository, blob, {{{}, fd, 0, blob.size}, mount_from}, control);
}

Result<void> RegistryClient::pushText(const std::string& repository, const Descriptor& blob, std::string_view text,
                                      const TransferControl& control) {
  return uploadBlob(*session_, repository, blob, {{text, -1, 0, 0}, {}}, control);
}

Result<void> RegistryClient::pushDocument(const Reference& reference, std::string_view bytes,
                                          std::string_view media_type, const TransferControl& control) {
  const Digest digest = digestOf(bytes);
  if (reference.digest && *reference.digest != digest) {
    return fail(ErrorCode::kConflict, fmt::format("the reference names {}, the manifest to push has {}",
                                                  toString(*reference.digest), toString(digest)));
  }
  const std::string name = reference.tag.empty() ? toString(digest) : reference.tag;
  RegistryRequest request{
      {}, {pushScope(reference.repository)}, fmt::format("manifest {} to {}", name, reference.repository)};
  request.http = {"PUT", {fmt::format("Content-Type: {}", media_type)}, true, {bytes, -1, 0, 0}};
  const Url url = session_->url(fmt::format("/v2/{}/manifests/{}", reference.repository, name));
  auto reply = session_->exchange(url, request, {200, 201, 202}, control.stop);
  if (!reply) return fail(std::move(reply).error());
  const auto told = parseDigest(reply->head.field("docker-content-digest"));
  if (told && *told != digest) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("the registry stored {} in place of {}", toString(*told), toString(digest)));
  }
  return {};
}

}  // namespace wasabi::oci
