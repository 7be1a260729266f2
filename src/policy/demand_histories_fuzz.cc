// Any text is either exactly what is written of some histories, or refused as a whole.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "policy/demand_histories.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wasabi;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto histories = policy::readHistories(text, TimePoint{std::chrono::seconds(1)});
  if (histories) {
    WASABI_CHECK(policy::writeHistories(*histories) == text);
  } else {
    WASABI_CHECK(!histories.error().message().empty());
  }
  return 0;
}
