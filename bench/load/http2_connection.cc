#include <nghttp2/nghttp2.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

#include "base/check.h"
#include "load/connection.h"
#include "load/plan.h"

namespace wasabi::bench {
namespace {

constexpr std::size_t kReadBytes = 64 * 1024;
// Large enough that the generator never holds a server back.
constexpr std::int32_t kStreamWindowBytes = 1 << 20;
constexpr std::int32_t kConnectionWindowBytes = 1 << 28;

struct SessionDeleter {
  void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
};

nghttp2_nv field(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

class Http2Connection final : public Connection {
 public:
  Http2Connection(FileDescriptor socket, const Options& options, ExchangeSink& sink)
      : socket_(std::move(socket)), options_(options), sink_(sink) {}

  Result<void> open();

  void start(Exchange& exchange) override;
  void abandon(Exchange& exchange) override;
  void onEvents(std::uint32_t epoll_events) override;
  void flush() override;
  bool alive() const override { return alive_; }
  bool accepting() const override { return alive_ && nghttp2_session_check_request_allowed(session_.get()) != 0; }
  std::uint32_t wantedEvents() const override { return output_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT; }
  int fd() const override { return socket_.get(); }

 private:
  static int onHeader(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t flags,
                      void* self);
  static int onData(nghttp2_session* session, std::uint8_t flags, std::int32_t stream, const std::uint8_t* data,
                    std::size_t size, void* self);
  static int onStreamClose(nghttp2_session* session, std::int32_t stream, std::uint32_t error, void* self);
  static ssize_t readBody(nghttp2_session* session, std::int32_t stream, std::uint8_t* buffer, std::size_t size,
                          std::uint32_t* flags, nghttp2_data_source* source, void* self);

  void end(Exchange& exchange, Outcome outcome);
  void die();

  FileDescriptor socket_;
  const Options& options_;
  ExchangeSink& sink_;
  std::unique_ptr<nghttp2_session, SessionDeleter> session_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::vector<Exchange*> current_;
  std::string_view output_;  // bytes of the session that the socket did not take yet
  bool alive_ = true;
};

Result<void> Http2Connection::open() {
  for (const std::string& line : options_.headers) {
    auto header = splitHeader(line);
    if (!header) return fail(std::move(header).error());
    std::transform(header->first.begin(), header->first.end(), header->first.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    headers_.push_back(*std::move(header));
  }
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, onHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, onData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, onStreamClose);
  nghttp2_session* session = nullptr;
  const int made = nghttp2_session_client_new(&session, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) return fail(ErrorCode::kInternal, nghttp2_strerror(made));
  session_.reset(session);
  const nghttp2_settings_entry window{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindowBytes};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &window, 1);
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindowBytes);
  return {};
}

void Http2Connection::start(Exchange& exchange) {
  std::vector<nghttp2_nv> fields{field(":method", options_.method), field(":scheme", "http"),
                                 field(":authority", options_.host), field(":path", exchange.request->path)};
  for (const auto& [name, value] : headers_) fields.push_back(field(name, value));
  const std::string length = std::to_string(exchange.unsent_body_bytes);
  nghttp2_data_provider body{};
  if (exchange.unsent_body_bytes > 0) {
    fields.push_back(field("content-length", length));
    body.source.ptr = &exchange;
    body.read_callback = readBody;
  }
  exchange.stream = nghttp2_submit_request(session_.get(), nullptr, fields.data(), fields.size(),
                                           body.read_callback == nullptr ? nullptr : &body, &exchange);
  WASABI_CHECK(exchange.stream > 0);
  current_.push_back(&exchange);
}

void Http2Connection::abandon(Exchange& exchange) {
  nghttp2_session_set_stream_user_data(session_.get(), exchange.stream, nullptr);
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, exchange.stream, NGHTTP2_CANCEL);
  end(exchange, Outcome::kTimeout);
}

void Http2Connection::onEvents(std::uint32_t epoll_events) {
  if ((epoll_events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) return;
  std::array<std::uint8_t, kReadBytes> buffer;  // left as it is: nothing reads beyond what arrives
  const ssize_t received = recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received <= 0) return die();
  const ssize_t taken = nghttp2_session_mem_recv(session_.get(), buffer.data(), static_cast<std::size_t>(received));
  if (taken != received) die();
}

void Http2Connection::flush() {
  while (alive_) {
    if (output_.empty()) {
      const std::uint8_t* data = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_.get(), &data);
      if (size < 0) return die();
      if (size == 0) break;
      output_ = {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
    }
    const ssize_t sent = send(socket_.get(), output_.data(), output_.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN && errno != EINTR) die();
      return;
    }
    output_.remove_prefix(static_cast<std::size_t>(sent));
  }
  if (alive_ && current_.empty() && !accepting()) die();
}

int Http2Connection::onHeader(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
                              std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                              void*) {
  auto* exchange = static_cast<Exchange*>(nghttp2_session_get_stream_user_data(session, frame->hd.stream_id));
  const std::string_view field_name(reinterpret_cast<const char*>(name), name_size);
  if (exchange == nullptr) return 0;
  const auto* text = reinterpret_cast<const char*>(value);
  if (field_name == ":status") std::from_chars(text, text + value_size, exchange->status);
  if (field_name == "proxy-status") exchange->takeProxyStatus({text, value_size});
  return 0;
}

int Http2Connection::onData(nghttp2_session* session, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                            std::size_t size, void*) {
  auto* exchange = static_cast<Exchange*>(nghttp2_session_get_stream_user_data(session, stream));
  if (exchange != nullptr) exchange->takeBody({reinterpret_cast<const char*>(data), size});
  return 0;
}

int Http2Connection::onStreamClose(nghttp2_session* session, std::int32_t stream, std::uint32_t error, void* self) {
  auto* exchange = static_cast<Exchange*>(nghttp2_session_get_stream_user_data(session, stream));
  if (exchange == nullptr) return 0;
  const bool whole = error == NGHTTP2_NO_ERROR && exchange->status != 0;
  static_cast<Http2Connection*>(self)->end(*exchange, whole ? Outcome::kOk : Outcome::kReset);
  return 0;
}

ssize_t Http2Connection::readBody(nghttp2_session*, std::int32_t, std::uint8_t* buffer, std::size_t size,
                                  std::uint32_t* flags, nghttp2_data_source* source, void*) {
  auto& exchange = *static_cast<Exchange*>(source->ptr);
  const auto count = static_cast<std::size_t>(
      std::min<std::uint64_t>({size, exchange.unsent_body_bytes, static_cast<std::uint64_t>(kBodyBlockBytes)}));
  std::memcpy(buffer, bodyBlock(), count);
  exchange.unsent_body_bytes -= count;
  if (exchange.unsent_body_bytes == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(count);
}

void Http2Connection::end(Exchange& exchange, Outcome outcome) {
  const auto found = std::find(current_.begin(), current_.end(), &exchange);
  WASABI_CHECK(found != current_.end());
  *found = current_.back();
  current_.pop_back();
  sink_.finished(exchange, outcome);
}

void Http2Connection::die() {
  alive_ = false;
  while (!current_.empty()) {
    nghttp2_session_set_stream_user_data(session_.get(), current_.back()->stream, nullptr);
    end(*current_.back(), Outcome::kClosed);
  }
}

}  // namespace

Result<std::unique_ptr<Connection>> makeHttp2Connection(FileDescriptor socket, const Options& options,
                                                        ExchangeSink& sink) {
  auto connection = std::make_unique<Http2Connection>(std::move(socket), options, sink);
  if (Result<void> opened = connection->open(); !opened) return fail(std::move(opened).error());
  return connection;
}

}  // namespace wasabi::bench
