#include "oci/registry_auth.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "oci/json_document.h"

namespace wasabi::oci {
namespace {

constexpr std::size_t kMaxTokens = 64;
constexpr std::size_t kMaxTokenBytes = 32 << 10;
// What a token is good for where its service does not say, and the most that is believed.
constexpr std::uint64_t kDefaultSeconds = 60;
constexpr std::uint64_t kMostSeconds = 3600;
// A token that ends while the request is under way helps nobody.
constexpr std::chrono::milliseconds kEarly{5'000};

std::string joined(const std::vector<std::string>& scopes) {
  std::string text;
  for (const std::string& scope : scopes) text += (text.empty() ? "" : " ") + scope;
  return text;
}

bool isFieldValue(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

struct TokenAnswer {
  std::string token;
  std::chrono::seconds lasts{kDefaultSeconds};
};

Duration usable(std::chrono::milliseconds lasts) {
  return std::max(lasts - kEarly, lasts / 2);
}

Result<TokenAnswer> readToken(std::string_view text) {
  auto json = parseJsonObject(text, "the answer of the token service");
  if (!json) return fail(std::move(json).error());
  auto token = stringMember(*json, "token");
  if (token && token->empty()) token = stringMember(*json, "access_token");
  if (!token) return fail(std::move(token).error());
  if (token->empty() || token->size() > kMaxTokenBytes || !isFieldValue(*token)) {
    return fail(ErrorCode::kInvalid, "the token service answers without a token that can be used");
  }
  TokenAnswer answer{*std::move(token)};
  const auto seconds = sizeMember(*json, "expires_in");
  if (seconds && *seconds) answer.lasts = std::chrono::seconds(std::min(**seconds, kMostSeconds));
  return answer;
}

}  // namespace

std::string RegistryAuth::authorization(const std::vector<std::string>& scopes) const {
  if (basic_ && credentials_) return basicAuthorization(*credentials_);
  const auto token = tokens_.find(joined(scopes));
  if (token == tokens_.end() || token->second.ends <= Clock::now()) return {};
  return "Bearer " + token->second.value;
}

Result<void> RegistryAuth::answer(std::string_view text, const std::vector<std::string>& scopes,
                                  const std::stop_token& stop) {
  const std::vector<AuthChallenge> challenges = parseChallenges(text);
  for (const AuthChallenge& challenge : challenges) {
    if (challenge.scheme == "bearer") return answerBearer(challenge, scopes, stop);
  }
  const bool basic = std::ranges::any_of(challenges, [](const AuthChallenge& one) { return one.scheme == "basic"; });
  if (!basic) return fail(ErrorCode::kDenied, "it wants to know who asks, in a way that is not understood here");
  if (!credentials_) return fail(ErrorCode::kDenied, "it wants credentials, and none are given");
  if (credentials_->identity_token)
    return fail(ErrorCode::kDenied, "it wants a password, and an identity token is given");
  if (std::exchange(basic_, true)) return fail(ErrorCode::kDenied, "it refuses the credentials that are given");
  return {};
}

Result<void> RegistryAuth::answerBearer(const AuthChallenge& challenge, const std::vector<std::string>& scopes,
                                        const std::stop_token& stop) {
  auto realm = Url::parse(std::string(challenge.parameter("realm")));
  if (!realm) return fail(std::move(realm).error().within("its token service"));
  if (https_ && !realm->isHttps()) return fail(ErrorCode::kDenied, "its token service is not reached by https");
  auto reply = askForToken(*realm, challenge, scopes, stop);
  if (!reply) return fail(std::move(reply).error().within("its token service"));
  const int status = reply->head.status;
  if (status == 400 || status == 401 || status == 403) {
    return fail(ErrorCode::kDenied, credentials_ ? "its token service refuses the credentials that are given"
                                                 : "it wants credentials, and none are given");
  }
  if (status != 200) {
    const bool may_pass = status == 429 || status >= 500;
    return fail(may_pass ? ErrorCode::kUnavailable : ErrorCode::kDenied,
                fmt::format("its token service answers with status {}", status));
  }
  auto token = readToken(reply->text);
  if (!token) return fail(std::move(token).error());
  if (tokens_.size() >= kMaxTokens) tokens_.clear();
  tokens_.insert_or_assign(joined(scopes), Token{std::move(token->token), Clock::now() + usable(token->lasts)});
  return {};
}

Result<HttpReply> RegistryAuth::askForToken(const Url& realm, const AuthChallenge& challenge,
                                            const std::vector<std::string>& scopes, const std::stop_token& stop) {
  const std::string_view service = challenge.parameter("service");
  HttpRequest request;
  Url url = realm;
  std::string form;
  if (credentials_ && credentials_->identity_token) {
    form = "grant_type=refresh_token&client_id=wasabi&refresh_token=" + urlEscaped(credentials_->secret);
    form += "&service=" + urlEscaped(service) + "&scope=" + urlEscaped(joined(scopes));
    request.method = "POST";
    request.fields.emplace_back("Content-Type: application/x-www-form-urlencoded");
    request.has_body = true;
    request.body.text = form;
  } else {
    if (!service.empty()) url = url.withParameter("service", service);
    for (const std::string& scope : scopes) url = url.withParameter("scope", scope);
    if (credentials_) request.fields.push_back("Authorization: " + basicAuthorization(*credentials_));
  }
  // A redirect is an answer here: credentials go to nobody else.
  return transfer_.perform(url, request, {}, stop);
}

}  // namespace wasabi::oci
