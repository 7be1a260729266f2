// Requests to one registry: authentication, redirects, what its answers mean, further attempts.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "base/error.h"
#include "oci/http_transfer.h"
#include "oci/registry_auth.h"
#include "oci/registry_options.h"

namespace wasabi::oci {

struct RegistryRequest {
  HttpRequest http;
  std::vector<std::string> scopes;
  std::string what;  // for messages: "manifest latest of app"
};

// Not thread-safe.
class RegistrySession {
 public:
  // `registry` as references name it.
  static Result<std::unique_ptr<RegistrySession>> open(const std::string& registry, RegistryOptions options);

  const RegistryLimits& limits() const { return options_.limits; }
  const std::string& registry() const { return registry_; }
  // An address under the registry's own: "/v2/app/manifests/latest", with "?..." where there is a query.
  Url url(const std::string& path) const;

  // One attempt. Authenticates, follows redirects of GET and HEAD; credentials go to the registry's own origin only.
  // Any other answer is returned. The receiver is asked about answers that are no redirect and no challenge.
  Result<HttpReply> send(const Url& url, const RegistryRequest& request, const HttpReceiver& receiver,
                         const std::stop_token& stop);
  // Several attempts, of a request that may be sent twice; an answer of another status is an error.
  Result<HttpReply> exchange(const Url& url, const RegistryRequest& request, std::initializer_list<int> accepted,
                             const std::stop_token& stop);

  // The error that an answer means. kUnavailable may pass when tried again.
  Error refusal(const HttpReply& reply, const std::string& what) const;
  // How long the answer asks to wait.
  static Duration retryAfter(const HttpReply& reply);

 private:
  RegistrySession(std::string registry, RegistryOptions options, Url base);

  std::string registry_;
  RegistryOptions options_;
  Url base_;
  HttpTransfer transfer_;
  RegistryAuth auth_;
};

// The scope that pulling (or pushing) needs.
std::string pullScope(const std::string& repository);
std::string pushScope(const std::string& repository);

}  // namespace wasabi::oci
