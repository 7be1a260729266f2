#include "queueproxy/tls_names.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/text.h"
#include "queueproxy/list_text.h"

namespace wasabi::queueproxy {
namespace {

using Standing = TlsName::Standing;

struct NamedEntry {
  std::string_view name;
  TlsName means;
};

constexpr TlsName offered(std::string_view openssl) {
  return {Standing::kOffered, openssl};
}

constexpr std::array<NamedEntry, 17> kCipherSuites = {{
    {"TLS_AES_128_GCM_SHA256", {Standing::kAlways, {}}},
    {"TLS_AES_256_GCM_SHA384", {Standing::kAlways, {}}},
    {"TLS_CHACHA20_POLY1305_SHA256", {Standing::kAlways, {}}},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", offered("ECDHE-ECDSA-AES128-GCM-SHA256")},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", offered("ECDHE-ECDSA-AES256-GCM-SHA384")},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", offered("ECDHE-ECDSA-CHACHA20-POLY1305")},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", offered("ECDHE-ECDSA-CHACHA20-POLY1305")},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", offered("ECDHE-RSA-AES128-GCM-SHA256")},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", offered("ECDHE-RSA-AES256-GCM-SHA384")},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", offered("ECDHE-RSA-CHACHA20-POLY1305")},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", offered("ECDHE-RSA-CHACHA20-POLY1305")},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", {Standing::kRefused, {}}},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", {Standing::kRefused, {}}},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", {Standing::kRefused, {}}},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", {Standing::kRefused, {}}},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", {Standing::kRefused, {}}},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", {Standing::kRefused, {}}},
}};

constexpr std::array<NamedEntry, 8> kCurves = {{
    {"X25519", offered("X25519")},
    {"CurveP256", offered("P-256")},
    {"P256", offered("P-256")},
    {"CurveP384", offered("P-384")},
    {"P384", offered("P-384")},
    {"CurveP521", offered("P-521")},
    {"P521", offered("P-521")},
    // OpenSSL 3.0 does not have it.
    {"X25519MLKEM768", {Standing::kRefused, {}}},
}};

template <std::size_t N>
TlsName find(const std::array<NamedEntry, N>& entries, std::string_view name) {
  for (const NamedEntry& entry : entries) {
    if (entry.name == name) return entry.means;
  }
  return {};
}

}  // namespace

std::optional<TlsVersion> parseTlsVersion(std::string_view text) {
  if (text == "1.2") return TlsVersion::kTls12;
  if (text == "1.3") return TlsVersion::kTls13;
  return std::nullopt;
}

TlsName cipherSuiteOf(std::string_view name) {
  return find(kCipherSuites, name);
}

TlsName curveOf(std::string_view name) {
  return find(kCurves, name);
}

Result<void> readTlsNames(std::string_view text, std::string_view variable, TlsName (*look_up)(std::string_view),
                          std::vector<std::string>& out, std::vector<std::string>& warnings) {
  out.clear();
  for (const std::string_view name : splitList(text)) {
    const TlsName found = look_up(name);
    if (found.standing == Standing::kUnknown) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("there is no '{}'; write names as Go has them, with commas between", name.substr(0, 64)));
    }
    if (found.standing == Standing::kRefused) {
      warnings.push_back(fmt::format("{}: {} is not offered here", variable, name));
    } else if (found.standing == Standing::kOffered) {
      out.emplace_back(found.openssl);
    }
  }
  return {};
}

}  // namespace wasabi::queueproxy
