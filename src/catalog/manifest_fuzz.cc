// Any text is either a manifest whose values keep their ranges, or has problems.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "catalog/manifest_parser.h"
#include "catalog/route_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wasabi::catalog;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ParsedManifest parsed = parseManifest(text);
  WASABI_CHECK(parsed.problems.size() <= 20);
  if (!parsed.problems.empty()) return 0;

  const Manifest& manifest = parsed.manifest;
  WASABI_CHECK(manifest.limits.memory.value >= 65'536 && manifest.limits.concurrency >= 1);
  WASABI_CHECK(manifest.limits.timeout > wasabi::Duration::zero());
  const auto* path = std::get_if<std::string>(&manifest.module);
  if (manifest.container) {
    WASABI_CHECK(path != nullptr && path->empty() && !manifest.container->image.empty());
  } else {
    WASABI_CHECK(path == nullptr || (!path->empty() && path->find('\0') == std::string::npos));
  }
  // What was normalized stays as it is.
  for (const Route& route : manifest.routes) {
    WASABI_CHECK(normalizePathPrefix(route.path_prefix) == route.path_prefix);
    WASABI_CHECK(route.host.empty() || normalizeHost(route.host) == route.host);
  }
  for (const OutboundHost& allowed : manifest.outbound) WASABI_CHECK(normalizeHost(allowed.host) == allowed.host);
  // What is written from it is read as the same, but for its size.
  const std::string written = toManifestText(manifest);
  if (written.size() > kMaxManifestBytes) return 0;
  const ParsedManifest again = parseManifest(written);
  WASABI_CHECK(again.problems.empty() && again.manifest == manifest);
  return 0;
}
