// Reads HTTP/1.x requests from arbitrary bytes. However the bytes are cut, the same must come out; and no accepted
// message may have both framings or a field that could start another one.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "http/h1_head_parser.h"
#include "http/h1_request_body.h"
#include "http/message.h"
#include "http/server.h"

namespace wasabi::http {
namespace {

ServerLimits fuzzLimits() {
  ServerLimits limits;
  limits.max_header_bytes = 512;
  limits.max_header_count = 8;
  limits.max_target_bytes = 64;
  return limits;
}

void describe(const Fields& fields, std::string& out) {
  for (const auto field : fields) {
    WASABI_CHECK(isToken(field.name) && isFieldValue(field.value));
    out.append(field.name).append("=").append(field.value).append(";");
  }
}

// Reads message after message, as a connection does, and writes down what it understood.
class Reader {
 public:
  explicit Reader(const ServerLimits& limits) : parser_(limits, H1HeadParser::Connect::kTaken), body_(limits) {}

  void read(std::string_view more) {
    pending_ += more;
    while (!refused_ && (in_body_ ? readBody() : readHead())) {
    }
  }
  const std::string& log() const { return log_; }

 private:
  bool readHead() {
    switch (parser_.parse(pending_, head_)) {
      case H1HeadParser::Outcome::kNeedMore:
        return false;
      case H1HeadParser::Outcome::kRefused:
        return refuse(parser_.status());
      case H1HeadParser::Outcome::kComplete:
        break;
    }
    WASABI_CHECK(parser_.chunked() != head_.content_length.has_value());
    log_ += head_.method + " " + head_.target + " " + head_.authority + " ";
    describe(head_.headers, log_);
    log_ += parser_.keepAlive() ? "keep\n" : "close\n";
    pending_.erase(0, parser_.size());
    body_.begin(head_, parser_.chunked());
    in_body_ = !body_.complete();
    parser_.reset();
    return true;
  }

  bool readBody() {
    const auto step = body_.next(pending_);
    WASABI_CHECK(step.consumed <= pending_.size());
    log_ += step.data;
    pending_.erase(0, step.consumed);
    if (step.outcome == H1ChunkDecoder::Outcome::kRefused) return refuse(body_.status());
    if (step.outcome == H1ChunkDecoder::Outcome::kEnd) {
      describe(body_.trailers(), log_);
      log_ += "\nend\n";
      in_body_ = false;
    }
    return step.outcome != H1ChunkDecoder::Outcome::kNeedMore;
  }

  bool refuse(std::uint16_t status) {
    log_ += "refused " + std::to_string(status);
    refused_ = true;
    return false;
  }

  H1HeadParser parser_;
  H1RequestBody body_;
  RequestHead head_;
  std::string pending_;
  std::string log_;
  bool in_body_ = false;
  bool refused_ = false;
};

std::string readInPieces(const ServerLimits& limits, std::string_view input, std::size_t piece) {
  Reader reader(limits);
  for (std::size_t at = 0; at < input.size(); at += piece) reader.read(input.substr(at, piece));
  return reader.log();
}

}  // namespace
}  // namespace wasabi::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wasabi::http;
  if (size == 0) return 0;
  const ServerLimits limits = fuzzLimits();
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = readInPieces(limits, input, input.size() + 1);
  WASABI_CHECK(readInPieces(limits, input, 1) == whole);
  WASABI_CHECK(readInPieces(limits, input, std::size_t{1} + data[0] % 64) == whole);
  return 0;
}
