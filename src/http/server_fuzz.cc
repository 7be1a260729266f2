// A whole server whose peer sends arbitrary bytes, over HTTP/1.x or HTTP/2, to handlers of several tempers. Whatever
// comes, every stream must be closed once, nothing may be left open or held, and the loop must come to rest.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/file_descriptor.h"
#include "http/event_loop.h"
#include "http/server.h"

namespace wasabi::http {
namespace {

using namespace std::chrono_literals;

// What the handler does is drawn from the input, one byte a request.
class FuzzHandler : public RequestHandler {
 public:
  explicit FuzzHandler(std::string_view tempers) : tempers_(tempers) {}
  ~FuzzHandler() override {
    for (const auto& exchange : exchanges_) WASABI_CHECK(exchange->closed);
  }

  bool takesUpgrades() const override { return true; }
  void onRequest(ServerStream& stream) override {
    const unsigned temper = tempers_.empty() ? 0 : static_cast<unsigned char>(tempers_[next_++ % tempers_.size()]);
    auto& exchange = *exchanges_.emplace_back(std::make_unique<Exchange>(stream, temper));
    stream.attach(exchange);
    exchange.begin();
  }

 private:
  struct Exchange : StreamObserver {
    Exchange(ServerStream& its_stream, unsigned its_temper) : stream(its_stream), temper(its_temper) {}

    void begin() {
      if ((temper & 128) != 0 && !stream.request().upgrade.empty()) openTunnel();
      if ((temper & 1) != 0) stream.resumeReading();
      if ((temper & 2) != 0) answer();
    }
    void openTunnel() {
      tunnel = true;
      stream.acceptUpgrade("websocket", {});
    }
    void answer() {
      if (answered) return;
      answered = true;
      const std::string body(temper * 16, 'x');
      if (!tunnel) stream.sendHead({}, (temper & 4) != 0 ? std::optional(body.size()) : std::nullopt);
      stream.send(std::as_bytes(std::span(body)));
      if ((temper & 8) != 0) {
        stream.abort();
      } else {
        stream.finish({});
      }
    }
    void onBody(std::span<const std::byte> chunk) override {
      WASABI_CHECK(!closed && !chunk.empty());
      if ((temper & 16) != 0) stream.pauseReading();
      if ((temper & 32) != 0) answer();
      if ((temper & 64) != 0) stream.abort();
    }
    void onBodyEnd(const Fields&) override {
      WASABI_CHECK(!closed);
      answer();
    }
    void onWritable() override { WASABI_CHECK(!closed); }
    void onClosed(CloseReason) override {
      WASABI_CHECK(!closed);
      closed = true;
    }

    ServerStream& stream;
    const unsigned temper;
    bool tunnel = false;
    bool answered = false;
    bool closed = false;
  };

  const std::string_view tempers_;
  std::size_t next_ = 0;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
};

FileDescriptor connectTo(const FileDescriptor& listener) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  WASABI_CHECK(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  FileDescriptor client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  WASABI_CHECK(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  return client;
}

// In the abstract name space, which leaves no file behind.
FileDescriptor listenAnywhere() {
  FileDescriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sa_family_t family = AF_UNIX;
  sockaddr_un address{};
  address.sun_family = family;
  WASABI_CHECK(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof family) == 0);
  WASABI_CHECK(::listen(listener.get(), 1) == 0);
  return listener;
}

void runUntilQuiet(EventLoop& loop) {
  int turns = 0;
  while (loop.runReady() > 0) WASABI_CHECK(++turns < 100'000);
}

void serve(std::string_view tempers, std::string_view input, std::size_t piece) {
  EventLoop loop;
  FuzzHandler handler(tempers);
  ServerLimits limits;
  limits.max_header_bytes = 1024;
  limits.read_chunk_bytes = 4096;
  limits.max_concurrent_streams = 16;
  Server server(loop, limits, handler);
  FileDescriptor listener = listenAnywhere();
  FileDescriptor client = connectTo(listener);
  server.listen(std::move(listener));
  for (std::size_t at = 0; at < input.size(); at += piece) {
    const std::string_view text = input.substr(at, piece);
    if (::send(client.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) break;
    runUntilQuiet(loop);
  }
  client.reset();
  runUntilQuiet(loop);
  // A peer that is gone is noticed unless nobody reads; then it takes one of the timeouts, or the end of the server.
  if (server.idle()) WASABI_CHECK(server.counters().buffered_bytes == 0);
}

}  // namespace
}  // namespace wasabi::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kTempers = 4;
  if (size < kTempers + 1) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  std::string input;
  if ((data[0] & 1) != 0) {
    input = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    input.append("\0\0\0\4\0\0\0\0\0", 9);  // an empty SETTINGS frame
  }
  input += all.substr(kTempers + 1);
  wasabi::http::serve(all.substr(1, kTempers), input, std::size_t{1} + (data[0] >> 1) * 64);
  return 0;
}
