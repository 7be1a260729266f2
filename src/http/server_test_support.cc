#include "http/server_test_support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <thread>

#include "base/check.h"

namespace wasabi::http {

using namespace std::chrono_literals;

void RecordedRequest::onBody(std::span<const std::byte> chunk) {
  body.append(reinterpret_cast<const char*>(chunk.data()), chunk.size());
  if (on_body) on_body();
}

void RecordedRequest::onBodyEnd(const Fields& its_trailers) {
  ended = true;
  trailers = describe(its_trailers);
  if (on_end) on_end();
}

void RecordedRequest::onWritable() {
  ++writable;
  if (on_writable) on_writable();
}

void RecordedRequest::onClosed(CloseReason reason) {
  WASABI_CHECK(!closed);
  closed = reason;
  if (on_closed) on_closed();
}

std::string describe(const Fields& fields) {
  std::string text;
  for (const auto field : fields) {
    text.append(field.name).append("=").append(field.value).append(";");
  }
  return text;
}

std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}

void respond(ServerStream& stream, std::uint16_t status, std::string_view body) {
  ResponseHead head;
  head.status = status;
  stream.sendHead(head, body.size());
  stream.send(bytesOf(body));
  stream.finish({});
}

TestServer::TestServer(const ServerLimits& limits, Script script) : script_(std::move(script)) {
  auto listener = openListener({.text = "127.0.0.1:0"});
  WASABI_CHECK(listener.has_value());
  address = listenerAddress(*listener);
  server = std::make_unique<Server>(loop, limits, *this);
  server->listen(std::move(*listener));
}

void TestServer::listenWithTls(std::shared_ptr<const ServerTls> tls, int send_buffer) {
  auto listener = openListener({.text = "127.0.0.1:0"});
  WASABI_CHECK(listener.has_value());
  if (send_buffer > 0) ::setsockopt(listener->get(), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
  tls_address = listenerAddress(*listener);
  server->listen(std::move(*listener), std::move(tls));
}

TestServer::~TestServer() {
  server.reset();
}

void TestServer::onRequest(ServerStream& stream) {
  RecordedRequest& request = requests.emplace_back(stream);
  const RequestHead& head = stream.request();
  request.summary = head.method + " " + head.target + " " + head.authority;
  request.headers = describe(head.headers);
  stream.attach(request);
  if (script_) {
    script_(request);
    return;
  }
  request.on_end = [&request] { respond(request.stream, 200, request.summary + "|" + request.body + "\n"); };
  if (stream.requestComplete()) {
    request.on_end();
  } else {
    stream.resumeReading();
  }
}

bool TestServer::runUntil(const std::function<bool()>& condition) {
  const TimePoint give_up = Clock::now() + 60s;
  while (!condition()) {
    if (Clock::now() > give_up) return false;
    if (loop.runReady() == 0) std::this_thread::sleep_for(100us);
  }
  return true;
}

void TestServer::runFor(Duration time) {
  const TimePoint end = Clock::now() + time;
  runUntil([end] { return Clock::now() >= end; });
}

RawClient::RawClient(TestServer& server, const std::string& where, int receive_buffer) : server_(server) {
  socket_ = FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer > 0) {
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(where.substr(where.rfind(':') + 1))));
  WASABI_CHECK(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
}

bool RawClient::send(std::string_view text) {
  return server_.runUntil([&] {
    const ssize_t sent = write(text);
    if (sent < 0 && errno != EAGAIN) {
      error = errno;
      return true;
    }
    if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
    return text.empty();
  }) && error == 0;
}

ssize_t RawClient::write(std::string_view text) {
  return ::send(socket_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t RawClient::read(std::span<char> memory) {
  return ::recv(socket_.get(), memory.data(), memory.size(), MSG_DONTWAIT);
}

void RawClient::poll() {
  std::array<char, 65536> chunk;
  while (!ended && error == 0) {
    const ssize_t got = read(chunk);
    if (got > 0) {
      received.append(chunk.data(), static_cast<std::size_t>(got));
    } else if (got == 0) {
      ended = true;
    } else {
      if (errno != EAGAIN) error = errno;
      return;
    }
  }
}

bool RawClient::receiveSize(std::size_t size) {
  return server_.runUntil([&] {
    poll();
    return received.size() >= size || ended || error != 0;
  }) && received.size() >= size;
}

bool RawClient::receiveUntil(std::string_view end) {
  return server_.runUntil([&] {
    poll();
    return received.ends_with(end) || ended || error != 0;
  }) && received.ends_with(end);
}

bool RawClient::receiveAll() {
  return server_.runUntil([&] {
    poll();
    return ended || error != 0;
  }) && ended;
}

void RawClient::closeOutput() {
  ::shutdown(socket_.get(), SHUT_WR);
}

void RawClient::reset() {
  const linger at_once{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket_.reset();
}

std::string withoutDate(std::string text) {
  for (std::size_t at = text.find("date: "); at != std::string::npos; at = text.find("date: ")) {
    text.erase(at, text.find('\n', at) + 1 - at);
  }
  return text;
}

}  // namespace wasabi::http
