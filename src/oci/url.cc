#include "oci/url.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>

#include "base/check.h"
#include "base/text.h"

namespace wasabi::oci {
namespace {

constexpr std::size_t kMaxUrlBytes = 16 << 10;

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct TextDeleter {
  void operator()(char* text) const { curl_free(text); }
};

std::string part(CURLU* url, CURLUPart which, unsigned flags) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
  const std::unique_ptr<char, TextDeleter> owned(text);
  return owned.get();
}

bool isUnreserved(char c) {
  return (c >= '0' && c <= '9') || (toLower(c) >= 'a' && toLower(c) <= 'z') || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

}  // namespace

Result<Url> Url::from(const std::string& text, const std::string* base) {
  if (text.empty() || text.size() > kMaxUrlBytes)
    return fail(ErrorCode::kInvalid, "an address that is empty or too long");
  const std::unique_ptr<CURLU, UrlDeleter> url(curl_url());
  WASABI_CHECK(url != nullptr);
  CURLUcode code = base == nullptr ? CURLUE_OK : curl_url_set(url.get(), CURLUPART_URL, base->c_str(), 0);
  if (code == CURLUE_OK) {
    code = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
  }
  if (code != CURLUE_OK)
    return fail(ErrorCode::kInvalid, fmt::format("an address that cannot be used: {}", curl_url_strerror(code)));
  curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0);
  const std::string scheme = part(url.get(), CURLUPART_SCHEME, 0);
  if (scheme != "http" && scheme != "https")
    return fail(ErrorCode::kInvalid, "an address that is neither http nor https");
  const std::string authority =
      lowerCase(part(url.get(), CURLUPART_HOST, 0)) + ':' + part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  return Url(part(url.get(), CURLUPART_URL, 0), authority, scheme == "https");
}

Result<Url> Url::parse(const std::string& text) {
  return from(text, nullptr);
}

Result<Url> Url::resolve(const std::string& location) const {
  auto resolved = from(location, &text_);
  if (resolved && https_ && !resolved->https_) {
    return fail(ErrorCode::kDenied,
                fmt::format("{} leads from https to plain http ({})", authority_, resolved->authority_));
  }
  return resolved;
}

Url Url::withParameter(std::string_view name, std::string_view value) const {
  const char separator = text_.find('?') == std::string::npos ? '?' : '&';
  return {fmt::format("{}{}{}={}", text_, separator, urlEscaped(name), urlEscaped(value)), authority_, https_};
}

std::string urlEscaped(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    if (isUnreserved(c)) {
      escaped += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    escaped += '%';
    escaped += kDigits[byte >> 4];
    escaped += kDigits[byte & 15];
  }
  return escaped;
}

}  // namespace wasabi::oci
