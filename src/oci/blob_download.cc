#include "oci/blob_download.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "oci/backoff.h"

namespace wasabi::oci {
namespace {

// Where a partial answer begins: "bytes 100-199/200".
std::optional<std::uint64_t> rangeStart(std::string_view content_range) {
  constexpr std::string_view kUnit = "bytes ";
  if (!content_range.starts_with(kUnit)) return std::nullopt;
  content_range.remove_prefix(kUnit.size());
  return parseDecimal<std::uint64_t>(content_range.substr(0, content_range.find('-')));
}

class Download {
 public:
  Download(const Descriptor& blob, IncomingFile file, const TransferControl& control)
      : blob_(blob), file_(std::move(file)), control_(control) {}

  std::uint64_t received() const { return received_; }
  bool complete() const { return received_ == blob_.size; }

  Result<bool> begin(const HttpHead& head) {
    if (head.status == 206 && rangeStart(head.field("content-range")) == received_) return true;
    if (head.status == 206) return fail(ErrorCode::kUnavailable, "it sends another part than the one asked for");
    if (head.status != 200) return false;
    // It does not do parts, or had not to.
    if (auto restarted = restart(); !restarted) return fail(std::move(restarted).error());
    return true;
  }

  Result<void> take(std::string_view bytes) {
    if (bytes.size() > blob_.size - received_) {
      return fail(ErrorCode::kCorrupt,
                  fmt::format("{} has more than the {} bytes its manifest says", toString(blob_.digest), blob_.size));
    }
    if (auto written = file_.append(bytes); !written) return written;
    hash_.update(bytes);
    received_ += bytes.size();
    if (control_.progress) control_.progress(received_, blob_.size);
    return {};
  }

  Result<void> restart() {
    received_ = 0;
    hash_ = Sha256();
    return file_.restart();
  }

  Result<void> publish(const ImageLayout& into) && {
    const Digest found{hash_.finish()};
    if (found != blob_.digest) {
      return fail(ErrorCode::kCorrupt, fmt::format("{} was asked for, what came has the digest {}",
                                                   toString(blob_.digest), toString(found)));
    }
    return into.endBlob(std::move(file_), found);
  }

 private:
  const Descriptor& blob_;
  IncomingFile file_;
  const TransferControl& control_;
  Sha256 hash_;
  std::uint64_t received_ = 0;
};

struct Attempt {
  std::optional<Error> failure;
  Duration wait{};
};

Attempt attempt(RegistrySession& session, const Url& url, RegistryRequest request, Download& download,
                const std::stop_token& stop) {
  if (download.received() > 0) request.http.fields.push_back(fmt::format("Range: bytes={}-", download.received()));
  const HttpReceiver receiver{[&](const HttpHead& head) { return download.begin(head); },
                              [&](std::string_view bytes) { return download.take(bytes); },
                              {}};
  auto reply = session.send(url, request, receiver, stop);
  if (!reply) return {std::move(reply).error()};
  const int status = reply->head.status;
  if (status == 416 && download.received() > 0) {
    if (auto restarted = download.restart(); !restarted) return {std::move(restarted).error()};
    return {Error(ErrorCode::kUnavailable, "it refuses to go on where it was cut")};
  }
  if (status != 200 && status != 206)
    return {session.refusal(*reply, request.what), RegistrySession::retryAfter(*reply)};
  if (download.complete()) return {};
  return {Error(ErrorCode::kUnavailable, fmt::format("{}: {} ended early", session.registry(), request.what))};
}

}  // namespace

Result<void> downloadBlob(RegistrySession& session, const std::string& repository, const Descriptor& blob,
                          const ImageLayout& into, const TransferControl& control) {
  if (into.has(blob)) return {};
  if (blob.size > session.limits().blob.value) {
    return fail(ErrorCode::kExhausted, fmt::format("{} has {} bytes; at most {} are fetched", toString(blob.digest),
                                                   blob.size, toString(session.limits().blob)));
  }
  auto file = into.beginBlob();
  if (!file) return fail(std::move(file).error());
  Download download(blob, *std::move(file), control);
  const Url url = session.url(fmt::format("/v2/{}/blobs/{}", repository, toString(blob.digest)));
  const RegistryRequest request{
      {}, {pullScope(repository)}, fmt::format("blob {} of {}", toString(blob.digest), repository)};
  Backoff backoff(session.limits(), control.stop);
  while (true) {
    const std::uint64_t before = download.received();
    Attempt tried = attempt(session, url, request, download, control.stop);
    if (!tried.failure) return std::move(download).publish(into);
    if (download.received() > before) backoff.progressed();
    if (!backoff.again(*tried.failure, tried.wait)) return fail(*std::move(tried.failure));
  }
}

}  // namespace wasabi::oci
