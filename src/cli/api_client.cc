#include "cli/api_client.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "http/client.h"
#include "http/event_loop.h"

namespace wasabi::cli {
namespace {

constexpr std::string_view kRoot = "/-/api/v1";
constexpr Duration kQuietLog = std::chrono::minutes(5);
constexpr std::size_t kMostBody = 64 << 20;

ErrorCode codeOf(std::uint16_t status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::kDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    case 507:
      return ErrorCode::kExhausted;
    case 429:
    case 502:
    case 503:
      return ErrorCode::kUnavailable;
    case 504:
      return ErrorCode::kTimeout;
    default:
      return status < 500 ? ErrorCode::kInvalid : ErrorCode::kInternal;
  }
}

// Of a problem (RFC 9457), or of a refusal in plain text.
std::string reasonIn(const ApiReply& reply) {
  const auto problem = nlohmann::json::parse(reply.body, nullptr, false);
  if (problem.is_object() && problem.contains("detail") && problem["detail"].is_string()) return problem["detail"];
  const std::string first_line = reply.body.substr(0, reply.body.find('\n'));
  return first_line.empty() ? fmt::format("the server answered {}", reply.status) : first_line;
}

class Waiting final : public http::ClientObserver {
 public:
  explicit Waiting(const ApiClient::OnChunk& on_chunk) : on_chunk_(on_chunk) {}

  bool over() const { return over_; }
  bool full = false;  // until there is room for more of the body
  Result<ApiReply> take() {
    if (failure_) return fail(ErrorCode::kUnavailable, *failure_);
    return std::move(reply_);
  }

 private:
  void onHead(const http::ResponseHead& head) override {
    reply_.status = head.status;
    reply_.headers = head.headers;
  }
  void onBody(std::span<const std::byte> chunk) override {
    if (on_chunk_ && reply_.status < 300) {
      if (!on_chunk_(textOf(chunk))) over_ = true;
    } else if (reply_.body.size() + chunk.size() > kMostBody) {
      failure_ = "the answer is longer than it may be";
      over_ = true;
    } else {
      reply_.body += textOf(chunk);
    }
  }
  void onWritable() override { full = false; }
  void onEnd(const http::Fields&) override { over_ = true; }
  void onFailure(http::ClientFailure, http::RequestProgress, const std::string& message) override {
    failure_ = message;
    over_ = true;
  }

  const ApiClient::OnChunk& on_chunk_;
  ApiReply reply_;
  std::optional<std::string> failure_;
  bool over_ = false;
};

// Until all of it is on its way, or the answer is there already.
Result<void> sendPieces(const ApiRequest& asked, http::ClientExchange& exchange, Waiting& waiting,
                        http::EventLoop& loop) {
  while (!waiting.over()) {
    if (waiting.full) {
      loop.waitAndRun();
      continue;
    }
    auto piece = asked.next_piece();
    if (!piece) return fail(std::move(piece.error()));
    if (piece->empty()) break;
    waiting.full = exchange.send(bytesOf(*piece)) == http::WriteRoom::kFull;
    loop.runReady();
  }
  if (!waiting.over()) exchange.finishBody();
  return {};
}

}  // namespace

struct ApiClient::Impl {
  UserConfig config;
  bool tls = false;
  std::string authority;
  std::string socket;  // of a unix server
  http::EventLoop loop;
  std::optional<http::DirectServices> direct;
  std::optional<http::Client> client;
};

ApiClient::ApiClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ApiClient::~ApiClient() = default;

Result<std::unique_ptr<ApiClient>> ApiClient::open(UserConfig server) {
  constexpr std::string_view kUnix = "unix:";
  auto impl = std::make_unique<Impl>();
  std::string_view url = server.server;
  if (url.starts_with(kUnix)) {
    impl->socket = url.substr(kUnix.size());
    impl->authority = "wasabi";
    impl->client.emplace(impl->loop, http::ClientLimits{}, http::unixConnector(impl->loop));
  } else {
    impl->tls = url.starts_with("https://");
    if (!impl->tls && !url.starts_with("http://")) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("'{}' is no server; write http://host:port, https://host or unix:/path", url));
    }
    url.remove_prefix(impl->tls ? 8 : 7);
    impl->authority = url.substr(0, url.find('/'));
    auto direct = http::openDirectServices(http::ClientTls{true, server.ca_file}, http::ResolverLimits{});
    if (!direct) return fail(std::move(direct.error()));
    impl->direct.emplace(std::move(*direct));
    impl->client.emplace(impl->loop, http::ClientLimits{},
                         http::directConnector(impl->loop, [](const http::IpAddress&) { return true; }, *impl->direct));
  }
  impl->config = std::move(server);
  return std::unique_ptr<ApiClient>(new ApiClient(std::move(impl)));
}

const std::string& ApiClient::server() const {
  return impl_->config.server;
}

Result<ApiReply> ApiClient::send(const ApiRequest& asked, const OnChunk& on_chunk) {
  http::ClientRequest request;
  request.method = asked.method;
  request.tls = impl_->tls;
  request.authority = impl_->authority;
  request.target = asked.target;
  request.endpoint.name = impl_->socket;
  request.first_byte_timeout = request.between_bytes_timeout = asked.patience;
  for (const auto& [name, value] : asked.headers) request.headers.add(name, value);
  request.has_body = !asked.body.empty() || asked.next_piece;
  if (!asked.body.empty()) request.headers.set("content-length", fmt::format("{}", asked.body.size()));
  Waiting waiting(on_chunk);
  const auto exchange = impl_->client->start(request, waiting);
  if (asked.next_piece) {
    if (auto sent = sendPieces(asked, *exchange, waiting, impl_->loop); !sent) return fail(std::move(sent.error()));
  } else if (request.has_body) {
    exchange->send(bytesOf(asked.body));
    exchange->finishBody();
  }
  while (!waiting.over()) impl_->loop.waitAndRun();
  auto reply = waiting.take();
  if (reply) return reply;
  return fail(ErrorCode::kUnavailable,
              fmt::format("{}: {}; is `wasabi serve` running there?", server(), reply.error().message()));
}

Result<std::string> ApiClient::call(const std::string& method, const std::string& path, std::string body,
                                    const std::string& type, Duration patience) {
  ApiRequest request;
  request.patience = patience;
  request.method = method;
  request.target = std::string(kRoot) + path;
  request.headers = {{"authorization", "Bearer " + impl_->config.token}};
  if (!body.empty()) request.headers.emplace_back("content-type", type);
  request.body = std::move(body);
  auto reply = send(request);
  if (!reply) return fail(std::move(reply.error()));
  if (reply->status / 100 == 2) return std::move(reply->body);
  return fail(codeOf(reply->status), reasonIn(*reply));
}

Result<std::string> ApiClient::upload(const std::string& path, std::function<Result<std::string>()> next_piece,
                                      Duration patience) {
  ApiRequest request;
  request.method = "POST";
  request.target = std::string(kRoot) + path;
  request.headers = {{"authorization", "Bearer " + impl_->config.token}, {"content-type", "application/octet-stream"}};
  request.patience = patience;
  request.next_piece = std::move(next_piece);
  auto reply = send(request);
  if (!reply) return fail(std::move(reply.error()));
  if (reply->status / 100 == 2) return std::move(reply->body);
  return fail(codeOf(reply->status), reasonIn(*reply));
}

Result<void> ApiClient::follow(const std::string& path, const OnChunk& on_chunk) {
  ApiRequest request;
  request.target = std::string(kRoot) + path;
  request.headers = {{"authorization", "Bearer " + impl_->config.token}};
  request.patience = kQuietLog;
  const auto reply = send(request, on_chunk);
  if (!reply) return fail(reply.error());
  if (reply->status / 100 == 2) return {};
  return fail(codeOf(reply->status), reasonIn(*reply));
}

}  // namespace wasabi::cli
