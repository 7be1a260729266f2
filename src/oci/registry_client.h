// Pulling from and pushing to one OCI registry (distribution spec 1.x, and Docker's before it).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "oci/image_layout.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "oci/registry_options.h"

namespace wasabi::oci {

class RegistrySession;

struct FetchedDocument {
  Descriptor descriptor;  // with the digest of the bytes
  Document document;
  std::string bytes;
};

// Not thread-safe: one for each thread that works with a registry. All calls block; connections and tokens are kept
// from call to call. Errors:
//   kDenied       credentials missing or refused, a certificate or redirect that is not trusted
//   kNotFound     no such thing there, or none that may be seen
//   kUnavailable, kTimeout    still so after all attempts, or cancelled
//   kCorrupt      something else came than digest or size said
//   kExhausted    beyond RegistryLimits
class RegistryClient {
 public:
  // `registry` as in Reference. Connects to nobody yet.
  static Result<RegistryClient> open(const std::string& registry, RegistryOptions options);
  RegistryClient(RegistryClient&&) noexcept;
  RegistryClient& operator=(RegistryClient&&) noexcept;
  ~RegistryClient();

  const RegistryLimits& limits() const;

  // A manifest or index, checked against the reference's digest where it has one.
  Result<FetchedDocument> fetchDocument(const Reference& reference, const TransferControl& control);
  // See blob_download.h.
  Result<void> fetchBlob(const std::string& repository, const Descriptor& blob, const ImageLayout& into,
                         const TransferControl& control);

  Result<bool> hasBlob(const std::string& repository, const Digest& digest, const TransferControl& control);
  // The bytes of an open file, or of a text; see blob_upload.h. `mount_from`: a repository that may have it, or empty.
  Result<void> pushFile(const std::string& repository, const Descriptor& blob, int fd, const std::string& mount_from,
                        const TransferControl& control);
  Result<void> pushText(const std::string& repository, const Descriptor& blob, std::string_view text,
                        const TransferControl& control);
  // Under the reference's tag, or by digest alone where it has none. What it refers to must be there already.
  Result<void> pushDocument(const Reference& reference, std::string_view bytes, std::string_view media_type,
                            const TransferControl& control);

 private:
  explicit RegistryClient(std::unique_ptr<RegistrySession> session);

  std::unique_ptr<RegistrySession> session_;
};

}  // namespace wasabi::oci
