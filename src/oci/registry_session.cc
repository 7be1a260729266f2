#include "oci/registry_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "oci/backoff.h"
#include "oci/json_document.h"
#include "oci/reference.h"
#include "oci/shown_text.h"

namespace wasabi::oci {
namespace {

bool isRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// The first of the errors that a registry lists in its answer, fit to be shown.
std::string wordsOf(const HttpReply& reply) {
  const auto json = parseJsonObject(reply.text, "answer");
  if (!json) return {};
  const Json& errors = member(*json, "errors");
  if (!errors.is_array() || errors.empty()) return {};
  const auto code = stringMember(errors[0], "code");
  const auto message = stringMember(errors[0], "message");
  if (!code || !message) return {};
  return fmt::format(" ({}: {})", shownText(*code, 40), shownText(*message));
}

ErrorCode codeOf(int status) {
  if (status == 401 || status == 403) return ErrorCode::kDenied;
  if (status == 404) return ErrorCode::kNotFound;
  if (status == 408 || status == 429 || status >= 500) return ErrorCode::kUnavailable;
  return ErrorCode::kInvalid;
}

bool usesHttps(const std::string& registry, Transport transport) {
  if (transport == Transport::kAuto) return !isLoopback(registry);
  return transport == Transport::kHttps;
}

}  // namespace

std::string pullScope(const std::string& repository) {
  return "repository:" + repository + ":pull";
}
std::string pushScope(const std::string& repository) {
  return "repository:" + repository + ":pull,push";
}

RegistrySession::RegistrySession(std::string registry, RegistryOptions options, Url base)
    : registry_(std::move(registry)),
      options_(std::move(options)),
      base_(std::move(base)),
      transfer_(options_),
      auth_(transfer_, options_, base_.isHttps()) {}

Result<std::unique_ptr<RegistrySession>> RegistrySession::open(const std::string& registry, RegistryOptions options) {
  const char* scheme = usesHttps(registry, options.transport) ? "https" : "http";
  auto base = Url::parse(fmt::format("{}://{}", scheme, apiHost(registry)));
  if (!base) return fail(std::move(base).error().within(registry));
  return std::unique_ptr<RegistrySession>(new RegistrySession(registry, std::move(options), *std::move(base)));
}

Url RegistrySession::url(const std::string& path) const {
  // Paths are made of names that were checked and of digests.
  auto resolved = base_.resolve(path);
  WASABI_CHECK(resolved.has_value());
  return *std::move(resolved);
}

Result<HttpReply> RegistrySession::send(const Url& url, const RegistryRequest& request, const HttpReceiver& receiver,
                                        const std::stop_token& stop) {
  const bool may_follow = request.http.method == "GET" || request.http.method == "HEAD";
  Url now = url;
  int challenges = 0;
  int redirects = 0;
  HttpReceiver guarded = receiver;
  if (receiver.wants) {
    guarded.wants = [&receiver](const HttpHead& head) -> Result<bool> {
      if (head.status == 401 || isRedirect(head.status)) return false;
      return receiver.wants(head);
    };
  }
  while (true) {
    HttpRequest http = request.http;
    const bool ours = now.sameOrigin(base_);
    if (ours) {
      const std::string authorization = auth_.authorization(request.scopes);
      if (!authorization.empty()) http.fields.push_back("Authorization: " + authorization);
    }
    auto reply = transfer_.perform(now, http, guarded, stop);
    if (!reply) return reply;
    if (reply->head.status == 401 && ours && challenges++ < 2) {
      auto answered = auth_.answer(reply->head.field("www-authenticate"), request.scopes, stop);
      if (!answered) return fail(std::move(answered).error().within(registry_ + ": " + request.what));
      continue;
    }
    if (!isRedirect(reply->head.status) || !may_follow) return reply;
    if (++redirects > options_.limits.redirects) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("{}: {}: more than {} redirects", registry_, request.what, options_.limits.redirects));
    }
    auto next = now.resolve(std::string(reply->head.field("location")));
    if (!next) return fail(std::move(next).error().within(registry_ + ": redirect"));
    now = *std::move(next);
  }
}

Result<HttpReply> RegistrySession::exchange(const Url& url, const RegistryRequest& request,
                                            std::initializer_list<int> accepted, const std::stop_token& stop) {
  Backoff backoff(options_.limits, stop);
  while (true) {
    auto reply = send(url, request, {}, stop);
    if (reply && std::ranges::find(accepted, reply->head.status) != accepted.end()) return reply;
    Error failure = reply ? refusal(*reply, request.what) : std::move(reply).error();
    if (!backoff.again(failure, reply ? retryAfter(*reply) : Duration())) return fail(std::move(failure));
  }
}

Error RegistrySession::refusal(const HttpReply& reply, const std::string& what) const {
  const int status = reply.head.status;
  const std::string words = wordsOf(reply);
  const char* meaning = status == 401   ? "it refuses the credentials that are given"
                        : status == 403 ? "not allowed with the credentials that are given"
                        : status == 404 ? "not there, or not to be seen without (other) credentials"
                        : status == 429 ? "too many requests"
                        : status >= 500 ? "the registry has a fault"
                                        : "refused";
  return {codeOf(status), fmt::format("{}: {}: {}; status {}{}", registry_, what, meaning, status, words)};
}

Duration RegistrySession::retryAfter(const HttpReply& reply) {
  const auto seconds = parseDecimal<std::uint32_t>(reply.head.field("retry-after"));
  return std::chrono::seconds(std::min(seconds.value_or(0), 3600U));
}

}  // namespace wasabi::oci
