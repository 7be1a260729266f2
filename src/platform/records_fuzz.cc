// Any text is either a record that is written as the same again, or damaged.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "platform/record_text.h"
#include "platform/version_file.h"

namespace {

using namespace wasabi;
using namespace wasabi::platform;

const FunctionName kName{"acme", "cart"};

Result<VersionPtr> versionNumbered(std::uint32_t number) {
  auto spec = std::make_shared<catalog::FunctionSpec>();
  spec->name = kName;
  auto version = std::make_shared<Version>();
  version->number = number;
  version->spec = std::move(spec);
  return version;
}

void tryTenant(std::string_view text) {
  const auto tenant = decodeTenant(text, "acme");
  if (!tenant) return;
  const auto again = decodeTenant(encodeTenant(*tenant), "acme");
  WASABI_CHECK(again && *again == *tenant);
}

void tryFunction(std::string_view text) {
  const auto record = decodeFunction(text, kName, versionNumbered);
  if (!record) return;
  WASABI_CHECK(!record->versions.empty() && record->leading().version != nullptr);
  const std::string written = encodeFunction(*record);
  const auto again = decodeFunction(written, kName, versionNumbered);
  WASABI_CHECK(again && encodeFunction(*again) == written);
}

void tryVersion(std::string_view text) {
  const auto file = decodeVersion(text, kName, "/data");
  if (!file) return;
  WASABI_CHECK(file->version.spec != nullptr);
  const std::string written = encodeVersion(*file);
  const auto again = decodeVersion(written, kName, "/data");
  WASABI_CHECK(again && encodeVersion(*again) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 't':
      tryTenant(text);
      break;
    case 'f':
      tryFunction(text);
      break;
    case 'v':
      tryVersion(text);
      break;
    case 'r':
      static_cast<void>(decodeRetired(text, "retired.json"));
      break;
    default:
      static_cast<void>(parseVersionName(text));
      break;
  }
  return 0;
}
