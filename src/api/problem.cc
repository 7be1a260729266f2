#include "api/problem.h"

#include "api/json.h"
#include "http/message.h"

namespace wasabi::api {

std::uint16_t statusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return 400;
    case ErrorCode::kDenied:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kExhausted:
      return 507;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kTimeout:
      return 504;
    default:
      return 500;
  }
}

std::string problemJson(std::uint16_t status, const std::string& detail) {
  return toText(
      {{"type", "about:blank"}, {"title", http::reasonPhrase(status)}, {"status", status}, {"detail", detail}});
}

}  // namespace wasabi::api
