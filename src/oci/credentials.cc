#include "oci/credentials.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <utility>
#include <vector>

#include "base/text.h"
#include "oci/base64.h"
#include "oci/beneath.h"
#include "oci/json_document.h"
#include "oci/shown_text.h"

namespace wasabi::oci {
namespace {

// Docker Hub's entry has the address of its first version.
constexpr std::string_view kDockerHubKey = "index.docker.io";
constexpr std::size_t kMaxEntries = 1'000;

std::optional<std::string> fromBase64(std::string_view text) {
  while (text.ends_with('\0')) text.remove_suffix(1);
  std::string padded(text);
  while (padded.size() % 4 != 0) padded += '=';
  std::vector<unsigned char> decoded(3 * (padded.size() / 4) + 1);
  const int size = EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(padded.data()),
                                   static_cast<int>(padded.size()));
  if (size < 0) return std::nullopt;
  // It counts the padding as bytes.
  std::size_t count = static_cast<std::size_t>(size);
  for (std::size_t i = 0; i < 2 && padded.size() > i && padded[padded.size() - 1 - i] == '='; ++i) --count;
  return std::string(reinterpret_cast<const char*>(decoded.data()), count);
}

// The host (and port) of a key, which may be an address with scheme and path.
std::string hostOfKey(std::string_view key) {
  if (const std::size_t mark = key.find("://"); mark != std::string_view::npos) key.remove_prefix(mark + 3);
  return lowerCase(key.substr(0, key.find('/')));
}

std::string_view keyOfRegistry(std::string_view registry) {
  return registry == "docker.io" ? kDockerHubKey : registry;
}

Result<std::optional<Credentials>> parseEntry(const Json& entry) {
  for (const char* name : {"identitytoken", "auth", "username", "password"}) {
    if (auto text = stringMember(entry, name); !text) return fail(std::move(text).error());
  }
  const std::string token = *stringMember(entry, "identitytoken");
  const std::string auth = *stringMember(entry, "auth");
  Credentials credentials{*stringMember(entry, "username"), *stringMember(entry, "password"), false};
  if (!auth.empty()) {
    const auto decoded = fromBase64(auth);
    const std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos) return fail(ErrorCode::kInvalid, "'auth' is not the base64 of user:password");
    credentials.username = decoded->substr(0, colon);
    credentials.secret = decoded->substr(colon + 1);
  }
  if (!token.empty()) return std::optional<Credentials>({credentials.username, token, true});
  if (credentials.username.empty() && credentials.secret.empty()) return std::optional<Credentials>();
  return std::optional<Credentials>(std::move(credentials));
}

}  // namespace

std::string basicAuthorization(const Credentials& credentials) {
  return "Basic " + base64(credentials.username + ':' + credentials.secret);
}

Result<CredentialFile> CredentialFile::read(const std::string& path) {
  auto text = readFileBeneath(AT_FDCWD, path, kMaxCredentialFileBytes, Resolve::kAnywhere);
  if (!text) return fail(std::move(text).error());
  auto file = parse(*text);
  if (!file) return fail(std::move(file).error().within(path));
  return file;
}

Result<CredentialFile> CredentialFile::parse(std::string_view text) {
  auto json = parseJsonObject(text, "the file of credentials");
  if (!json) return fail(std::move(json).error());
  CredentialFile file;
  const Json& auths = member(*json, "auths");
  const Json& helpers = member(*json, "credHelpers");
  if ((!auths.is_null() && !auths.is_object()) || (!helpers.is_null() && !helpers.is_object())) {
    return fail(ErrorCode::kInvalid, "'auths' or 'credHelpers' is no object");
  }
  if (auths.size() > kMaxEntries || helpers.size() > kMaxEntries) {
    return fail(ErrorCode::kInvalid, fmt::format("more than {} registries", kMaxEntries));
  }
  for (const auto& [key, entry] : auths.items()) {
    auto credentials = parseEntry(entry);
    if (!credentials) return fail(std::move(credentials).error().within("entry of " + shownText(hostOfKey(key))));
    if (*credentials) file.known_.emplace(hostOfKey(key), **std::move(credentials));
  }
  for (const auto& [key, helper] : helpers.items()) {
    if (const auto* name = helper.get_ptr<const std::string*>()) file.helpers_.emplace(hostOfKey(key), *name);
  }
  auto for_all = stringMember(*json, "credsStore");
  if (!for_all) return fail(std::move(for_all).error());
  file.helper_for_all_ = *std::move(for_all);
  return file;
}

Result<std::optional<Credentials>> CredentialFile::find(std::string_view registry) const {
  const std::string_view key = keyOfRegistry(registry);
  for (const std::string_view name : {key, registry}) {
    if (const auto found = known_.find(name); found != known_.end()) return std::optional(found->second);
  }
  const auto helper = helpers_.find(key);
  const std::string_view program = helper == helpers_.end() ? std::string_view(helper_for_all_) : helper->second;
  if (program.empty()) return std::optional<Credentials>();
  return fail(ErrorCode::kInvalid,
              fmt::format("the credentials for {} are kept by the helper docker-credential-{}, which is not run; "
                          "give user and password, or a config.json that has them",
                          registry, shownText(program, 40)));
}

}  // namespace wasabi::oci
