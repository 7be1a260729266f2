// Errors as values: what went wrong, for whom, and what would mend it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace wasabi {

// What a caller may have to tell apart. The message is for people; programs look only at the code.
enum class ErrorCode : std::uint8_t {
  kInvalid,      // the input is wrong; the message says how to mend it
  kNotFound,     // the thing asked for does not exist
  kConflict,     // it exists already, or contradicts something that does
  kDenied,       // not allowed
  kExhausted,    // a limit of ours is reached; the message names it
  kUnavailable,  // a peer or resource is not there now and may be later
  kTimeout,      // a deadline passed
  kCorrupt,      // stored or received data fails its checks
  kIo,           // the operating system refused; the message carries its words
  kInternal,     // a fault of ours
};

std::string_view toString(ErrorCode code);

class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  // An error of the operating system: "<what>: <text of errno_value>".
  static Error fromErrno(std::string_view what, int errno_value);

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // The same error seen from one level up: "<context>: <message>".
  Error within(std::string_view context) &&;

 private:
  ErrorCode code_;
  std::string message_;
};

// A T, or the reason why there is none.
template <typename T>
using Result = tl::expected<T, Error>;

// The failed alternative of any Result.
inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error(code, std::move(message)));
}
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace wasabi
