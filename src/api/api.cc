#include "api/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "api/call.h"
#include "api/problem.h"
#include "base/text.h"
#include "http/request_id.h"

namespace wasabi::api {
namespace {

constexpr std::string_view kRoot = "/-/api/v1";
constexpr std::string_view kBearer = "bearer ";  // in any case

const std::vector<Endpoint>& endpoints() {
  static const std::vector<Endpoint> all = [] {
    std::vector<Endpoint> joined = functionEndpoints();
    for (const auto& group : {deployEndpoints(), tenantEndpoints(), machineEndpoints()}) {
      joined.insert(joined.end(), group.begin(), group.end());
    }
    return joined;
  }();
  return all;
}

// The arguments, if the path is of that form.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string> arguments;
  while (!pattern.empty() || !path.empty()) {
    if (!pattern.starts_with('/') || !path.starts_with('/')) return std::nullopt;
    pattern.remove_prefix(1);
    path.remove_prefix(1);
    const std::string_view wanted = pattern.substr(0, pattern.find('/'));
    const std::string_view found = path.substr(0, path.find('/'));
    pattern.remove_prefix(wanted.size());
    path.remove_prefix(found.size());
    if (wanted != "{}") {
      if (wanted != found) return std::nullopt;
      continue;
    }
    auto decoded = percentDecoded(found);
    if (!decoded || decoded->empty()) return std::nullopt;
    arguments.push_back(std::move(*decoded));
  }
  return arguments;
}

void refuse(http::ServerStream& stream, std::uint16_t status, const std::string& detail,
            std::optional<std::string_view> allow = {}) {
  const std::string body = problemJson(status, detail);
  http::ResponseHead head;
  head.status = status;
  head.headers.add("content-type", "application/problem+json");
  head.headers.add("cache-control", "no-store");
  if (status == 401) head.headers.add("www-authenticate", "Bearer realm=\"wasabi\"");
  if (status == 429) head.headers.add("retry-after", "1");
  if (allow) head.headers.add("allow", *allow);
  stream.sendHead(head, body.size());
  stream.send(bytesOf(body));
  stream.finish({});
}

// Empty where there is none.
std::string_view tokenIn(const http::RequestHead& request) {
  const std::string_view authorization = request.headers.find("authorization").value_or("");
  const bool is_bearer = lowerCase(authorization.substr(0, kBearer.size())) == kBearer;
  return is_bearer ? authorization.substr(kBearer.size()) : std::string_view();
}

// One that stands in the path by mistake is written nowhere.
std::string_view withoutToken(std::string_view path) {
  return path.substr(0, path.find(platform::kTokenPrefix));
}

std::string clientOf(const http::RequestHead& request) {
  const std::string_view client = request.headers.find("wasabi-client").value_or("unix");
  return std::string(splitAuthority(client).host);
}

}  // namespace

Api::Api(ApiServices services, const ApiLimits& limits)
    : services_(std::move(services)), limits_(limits), lines_of_all_(limits.refused_lines, services_.loop.now()) {}
Api::~Api() = default;

bool Api::tooMany(std::unordered_map<std::string, policy::RequestRate>& rates, const std::string& who,
                  double per_second, bool count) {
  if (rates.size() >= limits_.most_clients && !rates.contains(who)) rates.clear();
  const TimePoint now = services_.loop.now();
  policy::RequestRate& rate = rates.try_emplace(who, per_second, now).first->second;
  return count ? !rate.take(now) : rate.freeAt(now) > now;
}

void Api::refuseCaller(http::ServerStream& stream, const std::string& client, std::uint16_t status,
                       const std::string& detail) {
  writeDown(stream.request(), client, status, detail);
  refuse(stream, status, detail);
}

// Who floods costs no more disk than that, and no line of others.
void Api::writeDown(const http::RequestHead& request, const std::string& client, std::uint16_t status,
                    std::string_view detail) {
  const TimePoint now = services_.loop.now();
  const bool is_left_out = tooMany(lines_, client, limits_.refused_lines_of_client, true) || !lines_of_all_.take(now);
  if (is_left_out) {
    ++left_out_;
    return;
  }
  platform::AuditEntry entry;
  entry.unix_ms = services_.unix_ms();
  if (const auto traceparent = request.headers.find("traceparent")) {
    entry.request_id = http::traceIdOf(*traceparent).value_or("");
  }
  entry.peer = request.headers.find("wasabi-client").value_or("unix");
  entry.method = request.method;
  entry.path = withoutToken(request.path());
  entry.status = status;
  entry.error = tokenIn(request).empty() ? "no token" : status == 401 ? "no token of ours" : detail;
  entry.left_out = std::exchange(left_out_, 0);
  if (auto written = services_.platform.refused().write(entry); !written) {
    services_.log.error("refused.log cannot be written", {{"reason", written.error().message()}});
  }
}

void Api::onRequest(http::ServerStream& stream) {
  const http::RequestHead& request = stream.request();
  const std::string client = clientOf(request);
  if (tooMany(refused_, client, limits_.refused_tokens_per_second, false)) {
    return refuseCaller(stream, client, 429, "too many refused tokens came from this address; try again later");
  }
  const auto caller = services_.platform.tokens().authenticate(tokenIn(request), services_.unix_ms());
  if (!caller) {
    tooMany(refused_, client, limits_.refused_tokens_per_second, true);
    return refuseCaller(stream, client, 401, "a token is needed: \"Authorization: Bearer <token>\"");
  }
  if (tooMany(calls_, caller->id, limits_.calls_per_second, true)) {
    return refuse(stream, 429, fmt::format("a token may call {} times a second", limits_.calls_per_second));
  }

  std::string_view path = request.path();
  if (!path.starts_with(kRoot)) return refuse(stream, 404, "the API is under /-/api/v1");
  path.remove_prefix(kRoot.size());
  std::string allowed;
  for (const Endpoint& endpoint : endpoints()) {
    auto arguments = match(endpoint.path, path);
    if (!arguments) continue;
    if (endpoint.method != request.method) {
      allowed += allowed.empty() ? "" : ", ";
      allowed += endpoint.method;
      continue;
    }
    const auto call = std::make_shared<Call>(*this, stream, endpoint, std::move(*arguments), *caller);
    if (endpoint.who == Who::kOperator && caller->role != platform::Role::kOperator) {
      return call->beginRefused(403, "only an operator's token may do this");
    }
    return call->begin();
  }
  if (!allowed.empty()) return refuse(stream, 405, "this method is not known here", allowed);
  refuse(stream, 404, "there is no such call; docs/api.md lists all");
}

void Api::lookAgainOnChange(std::weak_ptr<Call> call) {
  std::erase_if(waiting_, [](const std::weak_ptr<Call>& one) { return one.expired(); });
  waiting_.push_back(std::move(call));
}

void Api::recordsChanged() {
  const std::vector<std::weak_ptr<Call>> waiting = std::exchange(waiting_, {});
  for (const std::weak_ptr<Call>& one : waiting) {
    const std::shared_ptr<Call> call = one.lock();
    if (!call || !call->open()) continue;
    waiting_.push_back(one);
    call->recordsChanged();
  }
}

}  // namespace wasabi::api
