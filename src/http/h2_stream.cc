#include "http/h2_stream.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "http/h2_session.h"
#include "http/response_fields.h"

namespace wasabi::http {

H2Stream::H2Stream(H2Session& session, std::int32_t its_id)
    : id(its_id),
      input(session.context().counters.buffered_bytes),
      output(session.context().counters.buffered_bytes),
      session_(session) {}

void H2Stream::close(CloseReason reason) {
  if (observer_) std::exchange(observer_, nullptr)->onClosed(reason);
}

bool H2Stream::owesInput() const {
  const bool regular_end = protocol_closed && local_ended && remote_ended && error_code == 0;
  return tunnel && regular_end && !request_complete && !aborted && hasObserver();
}

std::string H2Stream::peerAddress() const {
  return session_.peerAddress();
}

void H2Stream::resumeReading() {
  if (reading_on || request_complete) return;
  reading_on = true;
  if (std::exchange(expects_continue, false) && !head_sent && input.empty()) session_.submitContinue(*this);
  session_.startReading(*this);
}

void H2Stream::sendHead(const ResponseHead& response, std::optional<std::uint64_t> content_length) {
  WASABI_CHECK(!head_sent);
  WASABI_CHECK(response.status >= 200 && response.status <= 999);
  if (head.method == "CONNECT" && response.status < 300) {
    sendHead({501, response.headers}, content_length);
    return;
  }
  head_sent = true;
  swallows_body = hasNoBody(head, response.status) || content_length == 0;
  if (!swallows_body) response_left = content_length;
  session_.submitHead(*this, response, content_length);
}

void H2Stream::acceptUpgrade(std::string_view, const Fields& headers) {
  WASABI_CHECK(!head_sent && !head.upgrade.empty());
  head_sent = tunnel = true;
  request_complete = reading_on = false;
  session_.openTunnel(*this, headers);
}

WriteRoom H2Stream::send(std::span<const std::byte> chunk) {
  WASABI_CHECK(head_sent && !finished);
  std::string_view text = textOf(chunk);
  if (swallows_body || protocol_closed) return WriteRoom::kFree;
  if (response_left) {
    text = text.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(*response_left, text.size())));
    *response_left -= text.size();
  }
  if (!text.empty()) session_.addOutput(*this, text);
  if (session_.hasRoomFor(*this)) return WriteRoom::kFree;
  wants_room = true;
  return WriteRoom::kFull;
}

void H2Stream::finish(const Fields& its_trailers) {
  WASABI_CHECK(head_sent && !finished);
  if (response_left && *response_left > 0) {
    abort();
    return;
  }
  for (const auto field : its_trailers) {
    if (isForHandlers(field)) response_trailers.add(field.name, field.value);
  }
  finished = true;
  wants_room = false;
  session_.resumeOutput(*this);
}

void H2Stream::abort() {
  aborted = true;
  session_.note(*this);
}

}  // namespace wasabi::http
