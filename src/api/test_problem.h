// Whether a refusal is one that programs and people can read.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "api/json.h"
#include "api/test_exchange.h"
#include "base/utf8.h"

namespace wasabi::api {

// What is wrong with an answer of 400 and more; empty if it is as docs/api/openapi.json says.
inline std::string wrongInProblem(const TestAnswer& answer) {
  if (!answer.whole) return "it is cut";
  if (answer.header("content-type") != "application/problem+json") return "its type is no problem";
  if (!isUtf8(answer.body)) return "it is not UTF-8";
  const Json json = Json::parse(answer.body, nullptr, false);
  if (!json.is_object()) return "it is no JSON object";
  const std::set<std::string> wanted = {"type", "title", "status", "detail"};
  std::set<std::string> found;
  for (const auto& entry : json.items()) found.insert(entry.key());
  if (found != wanted) return "its members are not type, title, status and detail";
  if (json["type"] != "about:blank") return "its type is not about:blank";
  if (!json["title"].is_string() || json["title"] == "") return "it has no title";
  if (json["status"] != answer.status) return "it tells another status than its head";
  if (!json["detail"].is_string() || json["detail"] == "") return "it does not say what is wrong";
  const bool may_wait = answer.status != 429 || answer.header("retry-after") == "1";
  if (!may_wait) return "it does not say when to come again";
  if (answer.status == 401 && !answer.header("www-authenticate").starts_with("Bearer")) return "it wants no token";
  return {};
}

}  // namespace wasabi::api
