#include "box/response_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/text.h"
#include "box/gateway_words.h"

namespace wasabi::box {
namespace {

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
constexpr std::string_view kRetryAfterSeconds = "1";

bool waitingHelps(Reason reason) {
  switch (reason) {
    case Reason::kProgramNotCompiled:
    case Reason::kCancelled:
    case Reason::kOverCapacity:
      return false;
    default:
      return statusOf(reason) == 429 || statusOf(reason) == 503;
  }
}

void appendMilliseconds(std::string& out, Duration duration) {
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  appendDecimal(out, microseconds / 1000);
  out += '.';
  const auto part = static_cast<int>(microseconds % 1000);
  out += static_cast<char>('0' + part / 100);
  out += static_cast<char>('0' + part / 10 % 10);
  out += static_cast<char>('0' + part % 10);
}

// "wait;dur=0.011, run;dur=0.052"; https://www.w3.org/TR/server-timing/
std::string serverTiming(Duration wait, Reason waited_for, Duration run) {
  std::string text = "wait;dur=";
  appendMilliseconds(text, wait);
  if (waited_for != Reason::kNone) {
    text += ";desc=\"";
    text += toString(waited_for);
    text += '"';
  }
  text += ", run;dur=";
  appendMilliseconds(text, run);
  return text;
}

}  // namespace

void ResponseWriter::head(http::ResponseHead head, std::optional<std::uint64_t> content_length) {
  status_ = head.status;
  declared_length_ = content_length;
  if (!stream_) return;
  head.headers.add("server-timing", serverTiming(wait_, waited_for_, Clock::now() - began_));
  if (booked_) addBooking(head.headers, *booked_);
  has_body_ = stream_->request().method != "HEAD" && head.status != 204 && head.status != 304;
  stream_->sendHead(head, content_length);
  finishIfWhole();
}

bool ResponseWriter::body(std::span<const std::byte> chunk) {
  const std::uint64_t most = declared_length_ ? std::min(*declared_length_, max_body_.value) : max_body_.value;
  if (body_bytes_ > most || chunk.size() > most - body_bytes_) return false;
  body_bytes_ += chunk.size();
  if (stream_) room_ = stream_->send(chunk);
  finishIfWhole();
  return true;
}

void ResponseWriter::finishIfWhole() {
  const bool whole = has_body_ && declared_length_ == body_bytes_;
  if (!whole || complete_ || !stream_ || stream_->request().version == http::Version::kHttp2) return;
  // While the request's body comes in, its end would be lost to the guest.
  if (stream_->requestComplete()) finish();
}

bool ResponseWriter::finish(const http::Fields& trailers) {
  if (complete_) return true;
  if (has_body_ && declared_length_.value_or(body_bytes_) != body_bytes_) return false;
  complete_ = true;
  if (stream_) stream_->finish(trailers);
  return true;
}

void ResponseWriter::fail(Reason reason, std::string_view request_id) {
  if (complete_) return;
  complete_ = true;
  if (headSent()) {
    if (stream_) stream_->abort();
    return;
  }
  status_ = statusOf(reason);
  if (stream_) sendRefusal(*stream_, {reason}, request_id);
}

void sendAnswer(http::ServerStream& stream, const http::ResponseHead& head, std::string_view body) {
  stream.sendHead(head, body.size());
  stream.send(bytesOf(body));
  stream.finish({});
}

void sendText(http::ServerStream& stream, std::uint16_t status, std::string_view text) {
  http::ResponseHead head;
  head.status = status;
  head.headers.add("content-type", kPlainText);
  sendAnswer(stream, head, text);
}

// RFC 9209: we answer ourselves (proxy_internal_response), and say why.
void sendRefusal(http::ServerStream& stream, const Refusal& refusal, std::string_view request_id) {
  const Reason reason = refusal.reason;
  http::ResponseHead head;
  head.status = statusOf(reason);
  head.headers.add("content-type", kPlainText);
  head.headers.add("proxy-status",
                   fmt::format("wasabi; error=proxy_internal_response; details=\"{}\"", toString(reason)));
  if (refusal.retry_after) {
    head.headers.add("retry-after", fmt::format("{}", refusal.retry_after->count()));
  } else if (waitingHelps(reason)) {
    head.headers.add("retry-after", kRetryAfterSeconds);
  }
  std::string body = fmt::format("{}\nrequest {}\n", toString(reason), request_id);
  if (refusal.in_the_way != Reason::kNone) body += fmt::format("in the way: {}\n", toString(refusal.in_the_way));
  if (!refusal.detail.empty()) body += refusal.detail + "\n";
  sendAnswer(stream, head, body);
}

}  // namespace wasabi::box
