// Answers to a registry's challenges: basic authentication, and tokens from the service it names.
#pragma once

#include <chrono>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "oci/auth_challenge.h"
#include "oci/http_transfer.h"
#include "oci/registry_options.h"

namespace wasabi::oci {

// Not thread-safe. Secrets and tokens stay in this object and go to the registry, or to the service that its challenge
// names, over HTTPS unless the registry itself is talked to by plain HTTP.
class RegistryAuth {
 public:
  // `transfer` must outlive this object.
  RegistryAuth(HttpTransfer& transfer, const RegistryOptions& options, bool https)
      : transfer_(transfer), credentials_(options.credentials), https_(https) {}

  // The value of the Authorization field for a request that needs these scopes ("repository:app:pull"); empty for none.
  std::string authorization(const std::vector<std::string>& scopes) const;
  // The registry answered 401 with this WWW-Authenticate field: finds what it wants to see. kDenied where we have
  // nothing (better) to show.
  Result<void> answer(std::string_view challenge, const std::vector<std::string>& scopes, const std::stop_token& stop);

 private:
  struct Token {
    std::string value;
    TimePoint ends;
  };

  Result<void> answerBearer(const AuthChallenge& challenge, const std::vector<std::string>& scopes,
                            const std::stop_token& stop);
  Result<HttpReply> askForToken(const Url& realm, const AuthChallenge& challenge,
                                const std::vector<std::string>& scopes, const std::stop_token& stop);

  HttpTransfer& transfer_;
  std::optional<Credentials> credentials_;
  bool https_;
  bool basic_ = false;                   // it asked for that
  std::map<std::string, Token> tokens_;  // by scopes, joined by blanks
};

}  // namespace wasabi::oci
