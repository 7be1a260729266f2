#include "oci/blob_upload.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "oci/backoff.h"

namespace wasabi::oci {
namespace {

// How far the registry got: "0-99" is 100 bytes (a registry that got nothing says "0-0" or leaves it out).
std::optional<std::uint64_t> bytesReceived(std::string_view range) {
  if (range.starts_with("bytes=")) range.remove_prefix(6);
  if (!range.starts_with("0-")) return std::nullopt;
  const auto last = parseDecimal<std::uint64_t>(range.substr(2));
  if (!last) return std::nullopt;
  return *last == 0 ? 0 : *last + 1;
}

class Upload {
 public:
  Upload(RegistrySession& session, const std::string& repository, const Descriptor& blob, const BlobSource& source,
         const TransferControl& control)
      : session_(session), repository_(repository), blob_(blob), source_(source), control_(control) {
    scopes_.push_back(pushScope(repository));
    if (!source.mount_from.empty()) scopes_.push_back(pullScope(source.mount_from));
  }

  // One try from wherever it stands. Done where there is no failure.
  Result<void> go() {
    if (!location_) {
      auto opened = open();
      if (!opened) return fail(std::move(opened).error());
      if (*opened) return {};
    } else if (auto found = findOffset(); !found) {
      return found;
    }
    const bool at_once = blob_.size <= session_.limits().upload_chunk.value;
    while (!at_once && offset_ < blob_.size) {
      if (auto sent = sendChunk(); !sent) return sent;
    }
    return close(at_once);
  }

  std::uint64_t offset() const { return offset_; }

 private:
  // True if the registry has the blob now, by mounting it.
  Result<bool> open() {
    std::string path = fmt::format("/v2/{}/blobs/uploads/", repository_);
    if (!source_.mount_from.empty()) {
      path += fmt::format("?mount={}&from={}", urlEscaped(toString(blob_.digest)), urlEscaped(source_.mount_from));
    }
    auto reply = session_.send(session_.url(path), request("POST", {}), {}, control_.stop);
    if (!reply) return fail(std::move(reply).error());
    if (reply->head.status == 201) return true;
    if (reply->head.status != 202) return fail(session_.refusal(*reply, what()));
    offset_ = 0;
    if (auto moved = moveTo(session_.url(path), reply->head); !moved) return fail(std::move(moved).error());
    return false;
  }

  Result<void> moveTo(const Url& from, const HttpHead& head) {
    auto location = from.resolve(std::string(head.field("location")));
    if (!location) return fail(std::move(location).error().within(session_.registry() + ": where to upload to"));
    location_ = *std::move(location);
    return {};
  }

  // After a failure: what of it arrived.
  Result<void> findOffset() {
    if (blob_.size <= session_.limits().upload_chunk.value) return startOver();
    RegistryRequest asked = request("GET", {});
    asked.http.has_body = false;
    auto reply = session_.send(*location_, asked, {}, control_.stop);
    if (!reply) return fail(std::move(reply).error());
    const auto received = bytesReceived(reply->head.field("range"));
    if (reply->head.status / 100 != 2 || !received || *received > blob_.size) return startOver();
    offset_ = *received;
    // The address may hold the state of the upload.
    return reply->head.field("location").empty() ? Result<void>() : moveTo(*location_, reply->head);
  }

  Result<void> startOver() {
    location_.reset();
    offset_ = 0;
    auto opened = open();
    if (!opened) return fail(std::move(opened).error());
    return {};
  }

  Result<void> sendChunk() {
    const std::uint64_t size = std::min(session_.limits().upload_chunk.value, blob_.size - offset_);
    RegistryRequest chunk = request("PATCH", part(offset_, size));
    chunk.http.fields.emplace_back("Content-Type: application/octet-stream");
    chunk.http.fields.push_back(fmt::format("Content-Range: {}-{}", offset_, offset_ + size - 1));
    auto reply = session_.send(*location_, chunk, reporter(), control_.stop);
    if (!reply) return fail(std::move(reply).error());
    if (reply->head.status != 202) return fail(session_.refusal(*reply, what()));
    offset_ += size;
    return moveTo(Url(*location_), reply->head);
  }

  Result<void> close(bool with_content) {
    RegistryRequest last = request("PUT", with_content ? part(0, blob_.size) : HttpBody{});
    last.http.fields.emplace_back("Content-Type: application/octet-stream");
    const Url url = location_->withParameter("digest", toString(blob_.digest));
    auto reply = session_.send(url, last, with_content ? reporter() : HttpReceiver{}, control_.stop);
    if (!reply) return fail(std::move(reply).error());
    if (reply->head.status != 201) return fail(session_.refusal(*reply, what()));
    return {};
  }

  HttpBody part(std::uint64_t offset, std::uint64_t size) const {
    HttpBody body = source_.body;
    if (body.fd < 0) {
      body.text = body.text.substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
    } else {
      body.offset += offset;
      body.size = size;
    }
    return body;
  }

  RegistryRequest request(const char* method, const HttpBody& body) const {
    RegistryRequest made{{method, {}, true, body}, scopes_, what()};
    return made;
  }

  HttpReceiver reporter() const {
    if (!control_.progress) return {};
    return {{}, {}, [this, base = offset_](std::uint64_t sent) { control_.progress(base + sent, blob_.size); }};
  }

  std::string what() const { return fmt::format("upload of {} to {}", toString(blob_.digest), repository_); }

  RegistrySession& session_;
  const std::string& repository_;
  const Descriptor& blob_;
  const BlobSource& source_;
  const TransferControl& control_;
  std::vector<std::string> scopes_;
  std::optional<Url> location_;
  std::uint64_t offset_ = 0;
};

}  // namespace

Result<bool> registryHasBlob(RegistrySession& session, const std::string& repository, const Digest& digest,
                             const std::stop_token& stop) {
  RegistryRequest request{{}, {pullScope(repository)}, fmt::format("blob {} of {}", toString(digest), repository)};
  request.http.method = "HEAD";
  const Url url = session.url(fmt::format("/v2/{}/blobs/{}", repository, toString(digest)));
  auto reply = session.exchange(url, request, {200, 404}, stop);
  if (!reply) return fail(std::move(reply).error());
  return reply->head.status == 200;
}

Result<void> uploadBlob(RegistrySession& session, const std::string& repository, const Descriptor& blob,
                        const BlobSource& source, const TransferControl& control) {
  WASABI_CHECK(source.body.bytes() == blob.size);
  auto there = registryHasBlob(session, repository, blob.digest, control.stop);
  if (!there) return fail(std::move(there).error());
  if (*there) return {};
  Upload upload(session, repository, blob, source, control);
  Backoff backoff(session.limits(), control.stop);
  std::uint64_t furthest = 0;
  while (true) {
    auto done = upload.go();
    if (done) return {};
    if (upload.offset() > furthest) backoff.progressed();
    furthest = std::max(furthest, upload.offset());
    if (!backoff.again(done.error())) return done;
  }
}

}  // namespace wasabi::oci
