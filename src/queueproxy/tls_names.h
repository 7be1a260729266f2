// Names of TLS versions, cipher suites and curves: Go's, in which Knative writes them, and OpenSSL's. For the .cc files
// of this folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "queueproxy/config.h"

namespace wasabi::queueproxy {

std::optional<TlsVersion> parseTlsVersion(std::string_view text);

struct TlsName {
  enum class Standing : std::uint8_t {
    kUnknown,
    kAlways,   // of TLS 1.3, where there is nothing to choose
    kRefused,  // known, but without forward secrecy or authenticated encryption, or not in this program
    kOffered,
  };
  Standing standing = Standing::kUnknown;
  std::string_view openssl;  // of kOffered
};
TlsName cipherSuiteOf(std::string_view name);
TlsName curveOf(std::string_view name);

// Names with commas between, into OpenSSL's. What is refused is told in `warnings` and left out; an unknown name is an
// error.
Result<void> readTlsNames(std::string_view text, std::string_view variable, TlsName (*look_up)(std::string_view),
                          std::vector<std::string>& out, std::vector<std::string>& warnings);

}  // namespace wasabi::queueproxy
