#include "http/h2_callbacks.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/check.h"
#include "http/h2_session.h"

namespace wasabi::http {

namespace {

constexpr std::int32_t kLeastConnectionWindow = 1024 * 1024;
// A connection that owes the peer so many acknowledgements is flooded.
constexpr std::size_t kMaxOutboundAcks = 256;

H2Session& sessionOf(void* user_data) {
  return *static_cast<H2Session*>(user_data);
}

H2Stream* streamOf(nghttp2_session* session, std::int32_t id) {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

int onBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  nghttp2_session_set_stream_user_data(session, frame->hd.stream_id,
                                       sessionOf(user_data).beginRequest(frame->hd.stream_id));
  return 0;
}

int onHeader(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
             const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user_data) {
  H2Stream* stream = streamOf(session, frame->hd.stream_id);
  if (frame->hd.type != NGHTTP2_HEADERS || !stream) return 0;
  // Compressed, a few bytes can stand for thousands: nghttp2 is told to spare us the rest, and resets the stream.
  if (sessionOf(user_data).isFlooded(*stream)) {
    sessionOf(user_data).countReset();
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  const auto add = frame->headers.cat == NGHTTP2_HCAT_REQUEST ? &H2Session::addRequestField : &H2Session::addTrailer;
  (sessionOf(user_data).*add)(*stream, viewOf(name, name_size), viewOf(value, value_size));
  return 0;
}

int onFrameReceived(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
  H2Session& ours = sessionOf(user_data);
  if (frame->hd.type == NGHTTP2_RST_STREAM) ours.countReset();
  const bool message_part = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  H2Stream* stream = message_part ? streamOf(session, frame->hd.stream_id) : nullptr;
  if (!stream) return 0;
  const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (ends) ours.remoteEnded(*stream);
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) ours.headComplete(*stream);
  return 0;
}

int onInvalidFrame(nghttp2_session*, const nghttp2_frame*, int, void* user_data) {
  // nghttp2 resets the stream for it, which costs us as much as a reset by the peer.
  sessionOf(user_data).countReset();
  return 0;
}

int onDataChunk(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                void* user_data) {
  sessionOf(user_data).addBody(streamOf(session, id), id, viewOf(data, size));
  return 0;
}

int onFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
  const bool message_part = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (!message_part || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  if (H2Stream* stream = streamOf(session, frame->hd.stream_id)) sessionOf(user_data).localEnded(*stream);
  return 0;
}

int onStreamClosed(nghttp2_session* session, std::int32_t id, std::uint32_t error_code, void* user_data) {
  if (H2Stream* stream = streamOf(session, id)) sessionOf(user_data).streamClosed(*stream, error_code);
  return 0;
}

ssize_t readOutput(nghttp2_session*, std::int32_t, std::uint8_t* frame, std::size_t size, std::uint32_t* flags,
                   nghttp2_data_source* source, void* user_data) {
  return sessionOf(user_data).readOutput(*static_cast<H2Stream*>(source->ptr), {frame, size}, *flags);
}

Nghttp2Callbacks makeCallbacks() {
  Nghttp2Callbacks callbacks = newNghttp2Callbacks();
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks.get(), onBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks.get(), onHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks.get(), onFrameReceived);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks.get(), onInvalidFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks.get(), onDataChunk);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks.get(), onFrameSent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks.get(), onStreamClosed);
  return callbacks;
}

Nghttp2Option makeOption(const ServerLimits& limits) {
  Nghttp2Option option = newNghttp2Option(kMaxOutboundAcks);
  nghttp2_option_set_stream_reset_rate_limit(option.get(), limits.max_stream_resets_per_minute,
                                             limits.max_stream_resets_per_minute / 60 + 1);
  return option;
}

}  // namespace

Nghttp2Session newNghttp2Session(H2Session& ours, const ServerLimits& limits, bool takes_upgrades) {
  nghttp2_session* session = nullptr;
  const Nghttp2Callbacks callbacks = makeCallbacks();
  const Nghttp2Option option = makeOption(limits);
  WASABI_CHECK(nghttp2_session_server_new2(&session, callbacks.get(), &ours, option.get()) == 0);
  const auto window = static_cast<std::uint32_t>(limits.read_chunk_bytes);
  const std::array<nghttp2_settings_entry, 5> settings = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, static_cast<std::uint32_t>(limits.max_concurrent_streams)},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.max_header_bytes)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, takes_upgrades ? 1U : 0U},
  }};
  WASABI_CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0);
  // What all streams together may have buffered here.
  const std::int32_t all = std::max(kLeastConnectionWindow, 4 * static_cast<std::int32_t>(window));
  WASABI_CHECK(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, all) == 0);
  return Nghttp2Session(session);
}

nghttp2_data_provider outputOf(H2Stream& stream) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = readOutput;
  return provider;
}

}  // namespace wasabi::http
