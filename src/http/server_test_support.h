// A server on a loopback socket with a scripted handler, and a client that speaks in literal bytes, both driven by the
// test's own thread.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/file_descriptor.h"
#include "http/event_loop.h"
#include "http/server.h"

namespace wasabi::http {

// What happened to one request, and a script's hooks into it.
struct RecordedRequest : StreamObserver {
  explicit RecordedRequest(ServerStream& its_stream) : stream(its_stream) {}

  void onBody(std::span<const std::byte> chunk) override;
  void onBodyEnd(const Fields& trailers) override;
  void onWritable() override;
  void onClosed(CloseReason reason) override;

  ServerStream& stream;  // not after onClosed()
  std::string summary;   // "GET /path host"
  std::string headers;   // "name=value;..."
  std::string body;
  std::string trailers;
  bool ended = false;
  int writable = 0;
  std::optional<CloseReason> closed;
  std::function<void()> on_body;
  std::function<void()> on_end;
  std::function<void()> on_writable;
  std::function<void()> on_closed;
};

std::string describe(const Fields& fields);
// Head and body in one go.
void respond(ServerStream& stream, std::uint16_t status, std::string_view body);
std::span<const std::byte> bytesOf(std::string_view text);

class TestServer : public RequestHandler {
 public:
  using Script = std::function<void(RecordedRequest&)>;

  // Without a script every request reads its body and is then answered with a line that describes it.
  explicit TestServer(const ServerLimits& limits = {}, Script script = {});
  ~TestServer() override;

  // Runs the loop until `condition` holds; false if that takes more than a few seconds.
  bool runUntil(const std::function<bool()>& condition);
  void runFor(Duration time);

  // On a socket of its own, besides the plain one. A small `send_buffer` makes the kernel take little at a time.
  void listenWithTls(std::shared_ptr<const ServerTls> tls, int send_buffer = 0);

  EventLoop loop;
  std::string address;
  std::string tls_address;
  bool takes_upgrades = false;
  bool takes_connect = false;
  std::deque<RecordedRequest> requests;
  std::vector<int> malformed;  // their statuses
  std::unique_ptr<Server> server;

 private:
  void onRequest(ServerStream& stream) override;
  void onMalformed(std::uint16_t status) override { malformed.push_back(status); }
  bool takesUpgrades() const override { return takes_upgrades; }
  bool takesConnect() const override { return takes_connect; }

  Script script_;
};

class RawClient {
 public:
  explicit RawClient(TestServer& server, int receive_buffer = 0) : RawClient(server, server.address, receive_buffer) {}
  RawClient(TestServer& server, const std::string& address, int receive_buffer);
  virtual ~RawClient() = default;

  // All of it, running the server while the socket is full. False if the server has closed.
  bool send(std::string_view text);
  // Runs the server until so many bytes, or this text at the end, or the end of the stream have come.
  bool receiveSize(std::size_t size);
  bool receiveUntil(std::string_view end);
  bool receiveAll();
  // Reads what is there.
  void poll();

  virtual void closeOutput();
  void close() { socket_.reset(); }
  void reset();

  std::string received;
  bool ended = false;
  int error = 0;

 protected:
  // As ::send() and ::recv() without waiting.
  virtual ssize_t write(std::string_view text);
  virtual ssize_t read(std::span<char> memory);
  TestServer& server() { return server_; }
  int fd() const { return socket_.get(); }

 private:
  TestServer& server_;
  FileDescriptor socket_;
};

// Without the Date line, which differs from run to run.
std::string withoutDate(std::string text);

}  // namespace wasabi::http
