// What the client's tests share: peers made of raw sockets on loopback, and an observer that keeps what it is told.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/file_descriptor.h"
#include "http/client.h"

namespace wasabi::http {

// One accepted connection. Blocking; every wait ends after half a minute.
class PeerConnection {
 public:
  explicit PeerConnection(int fd);
  // Bytes up to and including `mark`, or what came before the end.
  std::string readUntil(std::string_view mark);
  // So many bytes, or what came before the end.
  std::string read(std::size_t size);
  // What is left before the peer ends the connection.
  std::string readAll();
  bool write(std::string_view bytes);
  // Ends it with RST instead of FIN.
  void reset();
  void close() { fd_.reset(); }
  int fd() const { return fd_.get(); }

 private:
  FileDescriptor fd_;
  std::string ahead_;
};

// Listens on 127.0.0.1 and hands its connections, one after the other, to `serve` on a thread of its own.
class Peer {
 public:
  using Serve = std::function<void(PeerConnection&, int index)>;
  explicit Peer(Serve serve);
  // On this listener instead.
  Peer(Serve serve, FileDescriptor listener);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  std::uint16_t port() const { return port_; }
  std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void run(const Serve& serve);

  std::uint16_t port_ = 0;  // set by what makes the listener
  FileDescriptor listener_;
  FileDescriptor stop_;
  std::thread thread_;
};

// A unix socket in a directory of its own, which goes with it.
class SocketPath {
 public:
  SocketPath();
  ~SocketPath();
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;

  FileDescriptor listen(int backlog = 64) const;
  const std::string& path() const { return path_; }

 private:
  std::string directory_;
  std::string path_;
};

// A connection that is open to nobody: it is in the listener's backlog, which is never accepted from.
class SilentPeer {
 public:
  SilentPeer();
  std::string authority() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  std::uint16_t port_ = 0;  // set by what makes the listener
  FileDescriptor listener_;
};

std::string textOf(std::span<const std::byte> bytes);

class Recorder : public ClientObserver {
 public:
  void onHead(const ResponseHead& head) override;
  void onBody(std::span<const std::byte> chunk) override;
  void onWritable() override;
  void onEnd(const Fields& trailers) override;
  void onFailure(ClientFailure failure, RequestProgress progress, const std::string& message) override;

  bool done() const { return ended || failure.has_value(); }

  void onContinue() override;
  void onInterim(const ResponseHead& received) override { interims.push_back(received); }
  void onUpgrade(const ResponseHead& head) override;
  void onTunnelInputEnd() override;

  std::optional<ResponseHead> head;
  std::optional<ResponseHead> upgraded;
  std::vector<ResponseHead> interims;
  int continues = 0;
  int input_ends = 0;
  std::string body;
  std::size_t body_bytes = 0;
  bool keep_body = true;
  int writable = 0;
  bool ended = false;
  Fields trailers;
  std::optional<ClientFailure> failure;
  std::optional<RequestProgress> progress;
  std::string message;

  // Called after the above are set.
  std::function<void()> on_head = [] {};
  std::function<void()> on_body = [] {};
  std::function<void()> on_writable = [] {};
  std::function<void()> on_done = [] {};
  std::function<void()> on_continue = [] {};
  std::function<void()> on_upgrade = [] {};
  std::function<void()> on_input_end = [] {};
};

// A loop with a client on it that may call loopback. A few names resolve; or all goes by another connector.
class ClientFixture {
 public:
  using MakeConnector = std::function<std::unique_ptr<Connector>(EventLoop&)>;
  ClientFixture(const ClientLimits& limits, const MakeConnector& make_connector);
  explicit ClientFixture(const ClientLimits& limits = {},
                         const ClientTls& tls = {.trust_system = false, .ca_file = {}});

  ClientRequest get(std::string authority, std::string target = "/") const;
  // Runs the loop until `condition` holds; false if it does not within a minute.
  bool runUntil(const std::function<bool()>& condition);
  void runFor(Duration time);
  // Carries out a request to its end.
  Recorder& fetch(const ClientRequest& request);
  // Begins one; the observer is the last of `recorders`, the exchange the last of `exchanges`.
  Recorder& begin(const ClientRequest& request);

  EventLoop loop;
  AddressPolicy policy = [](const IpAddress&) { return true; };
  std::vector<std::unique_ptr<Recorder>> recorders;
  std::unique_ptr<Client> client;
  std::vector<std::unique_ptr<ClientExchange>> exchanges;
};

}  // namespace wasabi::http
