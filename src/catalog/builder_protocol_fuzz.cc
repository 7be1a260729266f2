// What one process reads from the other is checked: whatever is accepted says the same when it is written again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "catalog/builder_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wasabi::catalog;
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  if (const auto message = decodeToBuilder(packet)) WASABI_CHECK(encode(*message) == packet);
  if (const auto hello = decodeHello(packet)) WASABI_CHECK(size > 4096 || encode(*hello) == packet);
  if (const auto reply = decodeReply(packet)) WASABI_CHECK(size > 4096 || encode(*reply) == packet);
  return 0;
}
