#include "base/error.h"

#include <system_error>

namespace wasabi {

std::string_view toString(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kDenied:
      return "denied";
    case ErrorCode::kExhausted:
      return "exhausted";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "unknown";
}

Error Error::fromErrno(std::string_view what, int errno_value) {
  ErrorCode code = ErrorCode::kIo;
  if (errno_value == ENOENT) code = ErrorCode::kNotFound;
  if (errno_value == EACCES || errno_value == EPERM) code = ErrorCode::kDenied;
  if (errno_value == EEXIST) code = ErrorCode::kConflict;
  if (errno_value == EMFILE || errno_value == ENFILE || errno_value == ENOMEM) code = ErrorCode::kExhausted;
  std::string message(what);
  message += ": ";
  message += std::generic_category().message(errno_value);
  return Error(code, std::move(message));
}

Error Error::within(std::string_view context) && {
  std::string message(context);
  message += ": ";
  message += message_;
  message_ = std::move(message);
  return std::move(*this);
}

}  // namespace wasabi
