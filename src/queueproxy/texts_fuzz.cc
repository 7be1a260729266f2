// Any text is either a template of the request log, which then writes whole lines, or refused; and either what a box
// may say of its load, of which figures for the autoscaler are made, or refused.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "queueproxy/request_log_template.h"
#include "queueproxy/superpod_demand.h"

namespace {

using namespace wasabi;
using namespace wasabi::queueproxy;

void checkTemplate(std::string_view text) {
  const auto compiled = RequestLogTemplate::compile(text, {"n", "s", "c", "r", "p", "i"});
  if (!compiled) {
    WASABI_CHECK(!compiled.error().message().empty());
    return;
  }
  http::RequestHead head;
  head.method = "GET";
  head.target = "/a?b";
  head.headers.add("user-agent", text.substr(0, text.find_first_of("\r\n")));
  std::string out;
  compiled->append({head, "1.2.3.4:5", 200, 1, Duration(1)}, out);
  WASABI_CHECK(out.ends_with('\n'));
}

void checkLoad(std::string_view text) {
  const auto reading = parseBoxReading(text);
  if (!reading) return;
  SuperpodDemand demand({std::uint64_t{200} << 20});
  TimePoint now{std::chrono::hours(1)};
  for (int i = 0; i < 3; ++i) {
    now += std::chrono::milliseconds(10);
    demand.answered(i == 1 ? BoxReading{} : *reading, now);
    const auto units = demand.units(now);
    WASABI_CHECK(units && std::isfinite(*units) && *units >= 0 && *units <= SuperpodDemand::kMostUnits);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  checkTemplate(text);
  checkLoad(text);
  return 0;
}
