#include "http/h2_client_callbacks.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "base/check.h"
#include "http/h2_client_exchange.h"
#include "http/h2_client_session.h"

namespace wasabi::http {
namespace {

// Bytes are taken off the connection's window as they come, since each stream has a window of its own: a stream that
// nobody reads must not hold up the others.
constexpr std::int32_t kConnectionWindow = 16 * 1024 * 1024;
// PING and SETTINGS that wait to be answered; a peer that sends more without reading is cut off.
constexpr std::size_t kMaxOutboundAcks = 100;

H2ClientSession& sessionOf(void* user_data) {
  return *static_cast<H2ClientSession*>(user_data);
}

H2Exchange* exchangeOf(nghttp2_session* session, std::int32_t id) {
  return static_cast<H2Exchange*>(nghttp2_session_get_stream_user_data(session, id));
}

// A peer may promise to push before it has read that it must not.
bool isPushed(const nghttp2_frame* frame) {
  return frame->hd.type != NGHTTP2_HEADERS;
}

int onBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void*) {
  if (isPushed(frame)) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (H2Exchange* exchange = exchangeOf(session, frame->hd.stream_id)) exchange->beginFields();
  return 0;
}

int onHeader(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
             const std::uint8_t* value, std::size_t value_size, std::uint8_t, void*) {
  H2Exchange* exchange = isPushed(frame) ? nullptr : exchangeOf(session, frame->hd.stream_id);
  if (exchange == nullptr) return 0;
  // Compressed, a few bytes can stand for thousands: nghttp2 is told to spare us the rest, and resets the stream.
  return exchange->addField(viewOf(name, name_size), viewOf(value, value_size)) ? 0
                                                                                : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int onFrameReceived(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
  if (frame->hd.type == NGHTTP2_GOAWAY) sessionOf(user_data).onGoAway();
  H2Exchange* exchange = frame->hd.stream_id == 0 ? nullptr : exchangeOf(session, frame->hd.stream_id);
  if (exchange == nullptr) return 0;
  const bool message_part = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  const bool ends = message_part && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (frame->hd.type == NGHTTP2_HEADERS) exchange->fieldsComplete();
  if (frame->hd.type == NGHTTP2_RST_STREAM) exchange->resetByPeer();
  if (ends) exchange->responseComplete();
  return 0;
}

int onDataChunk(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                void* user_data) {
  H2Exchange* exchange = exchangeOf(session, id);
  if (exchange == nullptr) {
    sessionOf(user_data).ignoreBody(id, size);
  } else {
    sessionOf(user_data).takeBody(size);
    exchange->addBody(viewOf(data, size));
  }
  return 0;
}

int beforeFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void*) {
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  if (H2Exchange* exchange = exchangeOf(session, frame->hd.stream_id)) exchange->headGoesOut();
  return 0;
}

int onStreamClosed(nghttp2_session* session, std::int32_t id, std::uint32_t error_code, void*) {
  if (H2Exchange* exchange = exchangeOf(session, id)) exchange->streamClosed(error_code);
  return 0;
}

ssize_t readBody(nghttp2_session* session, std::int32_t id, std::uint8_t* frame, std::size_t size, std::uint32_t* flags,
                 nghttp2_data_source*, void*) {
  H2Exchange* exchange = exchangeOf(session, id);
  if (exchange == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  return exchange->readBody({frame, size}, *flags);
}

Nghttp2Callbacks makeCallbacks() {
  Nghttp2Callbacks callbacks = newNghttp2Callbacks();
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks.get(), onBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks.get(), onHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks.get(), onFrameReceived);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks.get(), onDataChunk);
  nghttp2_session_callbacks_set_before_frame_send_callback(callbacks.get(), beforeFrameSent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks.get(), onStreamClosed);
  return callbacks;
}

std::uint32_t settingOf(std::size_t value) {
  return static_cast<std::uint32_t>(std::min<std::size_t>(value, std::numeric_limits<std::int32_t>::max()));
}

}  // namespace

Nghttp2Session newH2ClientSession(H2ClientSession& ours, const ClientLimits& limits) {
  nghttp2_session* session = nullptr;
  const Nghttp2Callbacks callbacks = makeCallbacks();
  const Nghttp2Option option = newNghttp2Option(kMaxOutboundAcks);
  WASABI_CHECK(nghttp2_session_client_new2(&session, callbacks.get(), &ours, option.get()) == 0);
  const std::array<nghttp2_settings_entry, 3> settings = {{
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settingOf(limits.stream_window)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, settingOf(limits.max_header_bytes)},
  }};
  WASABI_CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0);
  WASABI_CHECK(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow) == 0);
  return Nghttp2Session(session);
}

nghttp2_data_provider bodyOfExchange() {
  nghttp2_data_provider provider{};
  provider.read_callback = readBody;
  return provider;
}

}  // namespace wasabi::http
