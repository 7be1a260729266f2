#include "api/call.h"

#include <fmt/format.h>

#include <utility>

#include "api/problem.h"
#include "base/text.h"
#include "http/request_id.h"

namespace wasabi::api {
namespace {

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kProblemType = "application/problem+json";

bool isDecodable(std::string_view query) {
  return query.find('%') == std::string_view::npos || percentDecoded(query).has_value();
}

}  // namespace

std::optional<std::string> queryValue(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    if (equals == std::string_view::npos) return std::string();
    auto value = percentDecoded(pair.substr(equals + 1));
    return value ? std::optional(std::move(*value)) : std::nullopt;
  }
  return std::nullopt;
}

Call::Call(Api& api, http::ServerStream& stream, const Endpoint& endpoint, std::vector<std::string> arguments,
           platform::TokenInfo caller)
    : api_(api),
      stream_(&stream),
      endpoint_(endpoint),
      arguments_(std::move(arguments)),
      caller_(std::move(caller)),
      deadline_(api.services().loop) {}

Call::~Call() = default;

std::size_t Call::mostBody() const {
  switch (endpoint_.body) {
    case Endpoint::Body::kNone:
      return 0;
    case Endpoint::Body::kJson:
      return api_.limits().body_bytes;
    case Endpoint::Body::kSecret:
      return api_.limits().secret_bytes;
    case Endpoint::Body::kUpload:
      if (image_) return api_.limits().image_bytes;
      return files_ ? api_.limits().files_bytes : api_.limits().module_bytes;
  }
  return 0;
}

void Call::attach() {
  self_ = shared_from_this();
  stream_->attach(*this);
}

void Call::beginRefused(std::uint16_t status, const std::string& detail) {
  attach();
  refuse(status, detail);
}

Result<void> Call::beginUpload() {
  const std::string kind = query("kind").value_or("module");
  if (kind == "files") {
    auto files = services().deployer.uploadFiles();
    if (!files) return fail(std::move(files.error()));
    files_.emplace(std::move(*files));
    return {};
  }
  if (kind == "image") {
    auto image = services().deployer.uploadImage();
    if (!image) return fail(std::move(image.error()));
    image_.emplace(std::move(*image));
    return {};
  }
  if (kind != "module") return fail(ErrorCode::kInvalid, "'kind' is module, files or image");
  auto module = platform().blobs().uploadModule({api_.limits().module_bytes});
  if (!module) return fail(std::move(module.error()));
  module_.emplace(std::move(*module));
  return {};
}

Result<void> Call::write(std::string_view bytes) {
  if (image_) return image_->write(bytes);
  return files_ ? files_->write(bytes) : module_->write(bytes);
}

void Call::begin() {
  attach();
  if (!isDecodable(stream_->request().query())) {
    return refuse(400, "the query has a '%' without two hex digits behind it, or an encoded NUL");
  }
  if (endpoint_.body == Endpoint::Body::kUpload) {
    if (auto begun = beginUpload(); !begun) return refuse(begun.error());
  }
  if (stream_->requestComplete()) return handle();
  if (stream_->request().content_length.value_or(0) > mostBody()) {
    return refuse(413, fmt::format("the body may have {} bytes", mostBody()));
  }
  stream_->resumeReading();
}

void Call::onBody(std::span<const std::byte> chunk) {
  if (answered_) return;
  body_bytes_ += chunk.size();
  if (body_bytes_ > mostBody()) return refuse(413, fmt::format("the body may have {} bytes", mostBody()));
  if (endpoint_.body != Endpoint::Body::kUpload) {
    body_ += textOf(chunk);
  } else if (auto written = write(textOf(chunk)); !written) {
    refuse(written.error());
  }
}

void Call::onBodyEnd(const http::Fields&) {
  if (!answered_) handle();
}

void Call::handle() {
  endpoint_.handle(*this);
}

void Call::onClosed(http::CloseReason) {
  stream_ = nullptr;
  deadline_.cancel();
  look_ = {};
  kept.reset();
  api_.services().loop.defer([self = std::move(self_)] {});
}

std::optional<std::string> Call::query(std::string_view name) const {
  return stream_ ? queryValue(stream_->request().query(), name) : std::nullopt;
}

bool Call::mayTouch(const std::string& tenant) {
  if (caller_.role == platform::Role::kOperator || caller_.tenant == tenant) return true;
  refuse(404, fmt::format("there is no tenant '{}' that this token may see", tenant));
  return false;
}

// ---- the answer -----------------------------------------------------------------------------------------------------

void Call::send(std::uint16_t status, std::string_view type, std::string_view body) {
  answered_ = true;
  look_ = {};
  deadline_.cancel();
  if (!stream_) return;
  http::ResponseHead head;
  head.status = status;
  head.headers.add("content-type", type);
  head.headers.add("cache-control", "no-store");
  stream_->sendHead(head, body.size());
  stream_->send(bytesOf(body));
  stream_->finish({});
}

void Call::answer(std::uint16_t status, std::string json) {
  audit(status, "");
  send(status, kJsonType, json);
}

void Call::answerText(std::uint16_t status, std::string_view type, std::string_view text) {
  audit(status, "");
  send(status, type, text);
}

void Call::refuse(std::uint16_t status, const std::string& detail) {
  audit(status, detail);
  send(status, kProblemType, problemJson(status, detail));
}

void Call::refuse(const Error& error) {
  refuse(statusOf(error.code()), error.message());
}

// Who only looks changes nothing, and is not written down.
void Call::audit(std::uint16_t status, std::string_view error) const {
  if (endpoint_.method == "GET" || !stream_) return;
  const http::RequestHead& request = stream_->request();
  platform::AuditEntry entry;
  entry.unix_ms = services().unix_ms();
  if (const auto traceparent = request.headers.find("traceparent")) {
    entry.request_id = http::traceIdOf(*traceparent).value_or("");
  }
  entry.token_id = caller_.id;
  entry.role = platform::nameOf(caller_.role);
  entry.tenant = caller_.tenant;
  entry.peer = request.headers.find("wasabi-client").value_or("unix");
  entry.method = request.method;
  entry.path = request.path();
  entry.status = status;
  entry.error = error;
  if (auto written = platform().audit().write(entry); !written) {
    services().log.error("audit log cannot be written", {{"reason", written.error().message()}});
  }
}

void Call::beginLines() {
  answered_ = true;
  if (!stream_) return;
  http::ResponseHead head;
  head.headers.add("content-type", "application/x-ndjson");
  head.headers.add("cache-control", "no-store");
  stream_->sendHead(head, std::nullopt);
}

// A client that does not read is not waited for.
void Call::line(std::string_view text) {
  if (!stream_) return;
  if (stream_->unsentBytes() > api_.limits().followed_bytes) return stream_->abort();
  stream_->send(bytesOf(text));
  stream_->send(bytesOf("\n"));
}

void Call::endLines() {
  if (stream_) stream_->finish({});
}

void Call::waitForChange(TimePoint deadline, UniqueFunction<void(bool)> look) {
  look_ = std::move(look);
  deadline_.arm(deadline, [this] {
    auto last_look = std::move(look_);
    if (last_look) last_look(true);
  });
  api_.lookAgainOnChange(weak_from_this());
}

void Call::recordsChanged() {
  if (look_) look_(false);
}

}  // namespace wasabi::api
