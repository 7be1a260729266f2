// Addresses of registries, of what they redirect to and of who gives tokens.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace wasabi::oci {

class Url {
 public:
  // http and https only; no user or password in it, no fragment.
  static Result<Url> parse(const std::string& text);
  // What a Location field means here. From https nothing leads to http: kDenied.
  Result<Url> resolve(const std::string& location) const;
  // With name=value behind the query; both are escaped.
  Url withParameter(std::string_view name, std::string_view value) const;

  const std::string& text() const { return text_; }
  bool isHttps() const { return https_; }
  // "host:port", the port always there. For messages, too: paths and queries of redirects may hold signatures.
  const std::string& authority() const { return authority_; }
  // Same scheme, host and port: what was meant for one may be sent to the other.
  bool sameOrigin(const Url& other) const { return https_ == other.https_ && authority_ == other.authority_; }

 private:
  Url(std::string text, std::string authority, bool https)
      : text_(std::move(text)), authority_(std::move(authority)), https_(https) {}
  static Result<Url> from(const std::string& text, const std::string* base);

  std::string text_;
  std::string authority_;
  bool https_;
};

// Percent-encoded but for letters, digits and "-._~".
std::string urlEscaped(std::string_view text);

}  // namespace wasabi::oci
