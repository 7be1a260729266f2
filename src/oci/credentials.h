// Who we are to a registry. Nothing here prints or logs what is secret.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace wasabi::oci {

struct Credentials {
  std::string username;
  std::string secret;           // password, or the identity token
  bool identity_token = false;  // is exchanged for tokens only, never sent as a password
};

// The value of an Authorization field.
std::string basicAuthorization(const Credentials& credentials);

inline constexpr ByteSize kMaxCredentialFileBytes{1ull << 20};

// Docker's config.json, as `docker login`, podman, crane and others write it. Helper programs ("credHelpers",
// "credsStore") are not run.
class CredentialFile {
 public:
  // kNotFound if there is no file; other errors name the path, never its content.
  static Result<CredentialFile> read(const std::string& path);
  static Result<CredentialFile> parse(std::string_view json);

  // For a registry as references name it ("docker.io", "host:5000"). None: anonymous. kInvalid if only a helper program
  // knows them.
  Result<std::optional<Credentials>> find(std::string_view registry) const;

 private:
  std::map<std::string, Credentials, std::less<>> known_;  // by host
  std::map<std::string, std::string, std::less<>> helpers_;
  std::string helper_for_all_;
};

}  // namespace wasabi::oci
