#include "http/h2_test_client.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "http/nghttp2_handles.h"

namespace wasabi::http {

namespace {

nghttp2_nv fieldOf(const std::pair<std::string, std::string>& field) {
  const auto bytes = [](const std::string& text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(field.first), bytes(field.second), field.first.size(), field.second.size(), NGHTTP2_NV_FLAG_NONE};
}

std::vector<nghttp2_nv> fieldsOf(const H2TestClient::FieldList& fields) {
  std::vector<nghttp2_nv> result;
  std::transform(fields.begin(), fields.end(), std::back_inserter(result), fieldOf);
  return result;
}

}  // namespace

struct H2TestClient::Callbacks {
  static H2TestClient& self(void* user_data) { return *static_cast<H2TestClient*>(user_data); }

  static int onHeader(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                      const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user_data) {
    Exchange& exchange = self(user_data).exchanges_[frame->hd.stream_id];
    const std::string name_text(reinterpret_cast<const char*>(name), name_size);
    const std::string value_text(reinterpret_cast<const char*>(value), value_size);
    if (name_text == ":status" && value_text[0] == '1') {
      exchange.interim.push_back(value_text);
    } else if (name_text != "date") {
      std::string& where =
          frame->headers.cat == NGHTTP2_HCAT_HEADERS && exchange.interim.empty() ? exchange.trailers : exchange.head;
      where += name_text + "=" + value_text + ";";
    }
    return 0;
  }
  static int onData(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                    void* user_data) {
    self(user_data).exchanges_[id].body.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }
  static int onFrame(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    H2TestClient& client = self(user_data);
    const bool message_part = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (message_part && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      client.exchanges_[frame->hd.stream_id].ended = true;
    }
    if (frame->hd.type == NGHTTP2_GOAWAY) client.goaway = frame->goaway.error_code;
    if (frame->hd.type == NGHTTP2_SETTINGS) {
      for (std::size_t i = 0; i < frame->settings.niv; ++i) {
        client.settings[static_cast<std::uint16_t>(frame->settings.iv[i].settings_id)] = frame->settings.iv[i].value;
      }
    }
    return 0;
  }
  static int onClose(nghttp2_session*, std::int32_t id, std::uint32_t error_code, void* user_data) {
    self(user_data).exchanges_[id].closed = error_code;
    return 0;
  }
  static ssize_t readBody(nghttp2_session* session, std::int32_t id, std::uint8_t* frame, std::size_t size,
                          std::uint32_t* flags, nghttp2_data_source*, void* user_data) {
    Exchange& exchange = self(user_data).exchanges_[id];
    if (exchange.request_body.empty() && !exchange.request_body_over) return NGHTTP2_ERR_DEFERRED;
    const std::size_t taken = std::min(size, exchange.request_body.size());
    std::memcpy(frame, exchange.request_body.data(), taken);
    exchange.request_body.erase(0, taken);
    if (exchange.request_body.empty() && exchange.request_body_over) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!exchange.request_trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const auto trailers = fieldsOf(exchange.request_trailers);
        nghttp2_submit_trailer(session, id, trailers.data(), trailers.size());
      }
    }
    return static_cast<ssize_t>(taken);
  }
};

H2TestClient::H2TestClient(TestServer& server, std::unique_ptr<RawClient> connected, std::uint32_t stream_window)
    : connection(std::move(connected)), server_(server) {
  const Nghttp2Callbacks callbacks = newNghttp2Callbacks();
  nghttp2_session_callbacks_set_on_header_callback(callbacks.get(), Callbacks::onHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks.get(), Callbacks::onData);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks.get(), Callbacks::onFrame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks.get(), Callbacks::onClose);
  const Nghttp2Option option = newNghttp2Option();
  // What is malformed must reach the server.
  nghttp2_option_set_no_http_messaging(option.get(), 1);
  nghttp2_option_set_peer_max_concurrent_streams(option.get(), 100'000);
  WASABI_CHECK(nghttp2_session_client_new2(&session_, callbacks.get(), this, option.get()) == 0);
  const nghttp2_settings_entry window = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &window, 1);
}

H2TestClient::~H2TestClient() {
  nghttp2_session_del(session_);
}

std::int32_t H2TestClient::request(const FieldList& fields, std::optional<std::string> body, bool body_over,
                                   const FieldList& trailers) {
  FieldList all = {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}};
  for (const auto& field : fields) {
    const auto same = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.first == field.first; });
    if (field.first[0] == ':' && same != all.end()) {
      same->second = field.second;
    } else {
      all.push_back(field);
    }
  }
  const auto nv = fieldsOf(all);
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::readBody;
  const std::int32_t id =
      nghttp2_submit_request(session_, nullptr, nv.data(), nv.size(), body ? &provider : nullptr, nullptr);
  WASABI_CHECK(id > 0);
  Exchange& exchange = exchanges_[id];
  exchange.request_body = body.value_or("");
  exchange.request_body_over = body_over;
  exchange.request_trailers = trailers;
  return id;
}

void H2TestClient::continueBody(std::int32_t id, std::string_view more, bool over) {
  exchanges_[id].request_body += more;
  exchanges_[id].request_body_over = over;
  nghttp2_session_resume_data(session_, id);
}

void H2TestClient::reset(std::int32_t id, std::uint32_t error_code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, error_code);
}

void H2TestClient::ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

void H2TestClient::exchangeBytes() {
  const std::uint8_t* data = nullptr;
  std::string out;
  for (auto size = nghttp2_session_mem_send(session_, &data); size > 0;
       size = nghttp2_session_mem_send(session_, &data)) {
    out.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  if (!out.empty()) raw.send(out);
  raw.poll();
  if (raw.received.empty()) return;
  nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(raw.received.data()), raw.received.size());
  raw.received.clear();
}

bool H2TestClient::runUntil(const std::function<bool()>& condition) {
  return server_.runUntil([&] {
    exchangeBytes();
    return condition();
  });
}

bool H2TestClient::finish(std::int32_t id) {
  return runUntil([&] { return exchanges_[id].closed.has_value(); });
}

}  // namespace wasabi::http
