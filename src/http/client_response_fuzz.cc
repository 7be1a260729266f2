// The response parser on arbitrary bytes. The first byte chooses HEAD, whether an upgrade was asked for, and the size
// of the pieces in which the rest arrives; however it is cut, the same response must come out as when it arrives at
// once.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "http/client_response.h"

namespace {

using wasabi::http::ResponseParser;
using wasabi::http::ResponseStep;

constexpr std::size_t kMaxHeaderBytes = 2048;

struct Outcome {
  bool ended = false;
  bool malformed = false;
  bool reusable = false;
  int status = 0;
  int interims = 0;
  std::size_t taken = 0;
  std::string body;
};

Outcome parse(std::span<const std::byte> bytes, bool to_head, const char* upgrade, std::size_t piece) {
  ResponseParser parser(to_head, kMaxHeaderBytes, upgrade);
  Outcome outcome;
  std::size_t available = 0;
  for (;;) {
    const ResponseStep step = parser.next(bytes.subspan(outcome.taken, available - outcome.taken));
    if (step.taken > available - outcome.taken) std::abort();
    outcome.taken += step.taken;
    outcome.body.append(reinterpret_cast<const char*>(step.data.data()), step.data.size());
    if (step.kind == ResponseStep::Kind::kInterim) ++outcome.interims;
    if (step.kind == ResponseStep::Kind::kHead) outcome.status = parser.head().status;
    if (step.kind == ResponseStep::Kind::kUpgrade) {
      if (parser.head().status != 101 || *upgrade == '\0') std::abort();
      outcome.status = 101;
    }
    if (step.kind == ResponseStep::Kind::kMalformed) {
      outcome.malformed = true;
      return outcome;
    }
    if (step.kind == ResponseStep::Kind::kEnd) {
      outcome.ended = true;
      outcome.reusable = parser.reusable();
      return outcome;
    }
    if (step.kind == ResponseStep::Kind::kNeedMore) {
      if (outcome.taken != available) std::abort();
      if (available == bytes.size()) return outcome;
      available = std::min(bytes.size(), available + piece);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data, size));
  const bool to_head = (data[0] & 1) != 0;
  const char* const upgrade = (data[0] & 2) != 0 ? "h2c, websocket" : "";
  const std::size_t piece = 1 + (data[0] >> 2);
  const Outcome whole = parse(bytes.subspan(1), to_head, upgrade, size);
  const Outcome pieces = parse(bytes.subspan(1), to_head, upgrade, piece);
  // What is wrong may be seen later in pieces, but nothing else may be read out of them.
  if (whole.ended != pieces.ended || whole.reusable != pieces.reusable) std::abort();
  if (whole.ended && (whole.taken != pieces.taken || whole.body != pieces.body || whole.status != pieces.status)) {
    std::abort();
  }
  if ((whole.status != pieces.status || whole.interims != pieces.interims) && !whole.malformed) std::abort();
  // All that follows an upgrade is data.
  if (whole.status == 101 && whole.body != pieces.body) std::abort();
  return 0;
}
