// Any text of a registry, or of who names one, is refused or means something that is written as the same again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "oci/auth_challenge.h"
#include "oci/component_names.h"
#include "oci/credentials.h"
#include "oci/image_config.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "oci/url.h"
#include "oci/wasm_artifact.h"

namespace {

using namespace wasabi::oci;

void tryDocument(std::string_view text) {
  const auto document = parseDocument(text, {});
  if (!document) return;
  const std::string written = std::visit([](const auto& one) { return toJson(one); }, *document);
  const auto again = parseDocument(written, {});
  WASABI_CHECK(again && *again == *document);
  if (const auto* manifest = std::get_if<Manifest>(&*document)) static_cast<void>(wasmLayers(*manifest));
  if (const auto* index = std::get_if<Index>(&*document)) {
    static_cast<void>(chooseWasm(*index));
    static_cast<void>(choosePlatform(*index, hostPlatform()));
  }
}

void tryReference(std::string_view text) {
  const auto reference = parseReference(text);
  if (!reference) return;
  const auto again = parseReference(toString(*reference));
  WASABI_CHECK(again && *again == *reference);
  WASABI_CHECK(!reference->manifestName().empty() && !apiHost(reference->registry).empty());
}

void tryChallenges(std::string_view text) {
  const auto challenges = parseChallenges(text);
  WASABI_CHECK(challenges.size() <= kMaxChallenges);
  for (const AuthChallenge& one : challenges) WASABI_CHECK(one.parameters.size() <= kMaxChallengeParameters);
}

void tryUrl(std::string_view text) {
  static const auto base = Url::parse("https://registry.example/v2/");
  const auto resolved = base->resolve(std::string(text));
  WASABI_CHECK(!resolved || resolved->isHttps());
}

void tryConfig(std::string_view text) {
  const auto config = parseImageConfig(text);
  if (config && !config->diff_ids.empty()) static_cast<void>(chainId(config->diff_ids));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'd':
      tryDocument(text);
      break;
    case 'r':
      tryReference(text);
      break;
    case 'c':
      tryChallenges(text);
      break;
    case 'u':
      tryUrl(text);
      break;
    case 'i':
      tryConfig(text);
      break;
    default:
      static_cast<void>(CredentialFile::parse(text));
      break;
  }
  return 0;
}
