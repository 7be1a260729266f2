#include "http/server.h"

#include <list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "http/acceptor.h"
#include "http/connection.h"
#include "http/server_context.h"
#include "http/server_tls.h"
#include "http/socket.h"
#include "http/tls_handshake.h"

namespace wasabi::http {

struct Server::Impl {
  struct Listener {
    std::shared_ptr<const ServerTls> tls;  // or none
    std::unique_ptr<Acceptor> acceptor;
  };

  explicit Impl(std::shared_ptr<ServerContext> its_context) : context(std::move(its_context)) {}

  void listen(FileDescriptor listener, std::shared_ptr<const ServerTls> tls);
  bool hasRoom(const ServerTls* tls) const;
  std::unique_ptr<Socket> adopt(FileDescriptor connected);
  void take(FileDescriptor connected, const ServerTls* tls);
  void serve(std::unique_ptr<Socket> socket, UniqueFunction<void()> on_closed);
  void shakeHands(std::unique_ptr<Socket> socket, const ServerTls& tls);
  void handshakeDone(TlsHandshake& handshake, Connection::Opening opening);
  void open(Connection::Opening opening, UniqueFunction<void()> on_closed = {});
  void forget(Connection& connection);
  void countOpen() { context->counters.connections_open = connections.size() + handshakes.size(); }
  void acceptAgain();

  const std::shared_ptr<ServerContext> context;
  std::list<Listener> listeners;
  std::unordered_map<TlsHandshake*, std::unique_ptr<TlsHandshake>> handshakes;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections;
};

void Server::Impl::listen(FileDescriptor listener, std::shared_ptr<const ServerTls> tls) {
  WASABI_CHECK(!context->draining);
  const auto take_one = [this, certificates = tls.get()](FileDescriptor connected) {
    take(std::move(connected), certificates);
    return hasRoom(certificates);
  };
  auto acceptor = Acceptor::open(context->loop, std::move(listener), take_one, context->counters.connections_refused);
  WASABI_CHECK(acceptor.has_value());
  listeners.push_back({std::move(tls), std::move(*acceptor)});
}

bool Server::Impl::hasRoom(const ServerTls* tls) const {
  const ServerLimits& limits = context->limits;
  return connections.size() + handshakes.size() < limits.max_connections &&
         (tls == nullptr || handshakes.size() < limits.max_handshakes);
}

// Null, and counted, if the loop cannot have it.
std::unique_ptr<Socket> Server::Impl::adopt(FileDescriptor connected) {
  auto socket = Socket::adopt(context->loop, std::move(connected));
  ++(socket ? context->counters.connections_accepted : context->counters.connections_refused);
  return socket ? std::move(*socket) : nullptr;
}

void Server::Impl::take(FileDescriptor connected, const ServerTls* tls) {
  auto socket = adopt(std::move(connected));
  if (!socket) return;
  if (tls != nullptr) {
    shakeHands(std::move(socket), *tls);
  } else {
    serve(std::move(socket), {});
  }
}

void Server::Impl::shakeHands(std::unique_ptr<Socket> socket, const ServerTls& tls) {
  auto handshake = std::make_unique<TlsHandshake>(
      *context, std::move(socket), tls.current(),
      [this](TlsHandshake& done, Connection::Opening opening) { handshakeDone(done, std::move(opening)); });
  TlsHandshake& started = *handshake;
  handshakes.emplace(&started, std::move(handshake));
  countOpen();
  started.start();
}

void Server::Impl::handshakeDone(TlsHandshake& handshake, Connection::Opening opening) {
  // It lives until it has returned from here.
  const auto finished = handshakes.extract(&handshake);
  ++(opening.secure ? context->counters.handshakes : context->counters.handshakes_failed);
  if (opening.channel) open(std::move(opening));
  countOpen();
  acceptAgain();
}

void Server::Impl::serve(std::unique_ptr<Socket> socket, UniqueFunction<void()> on_closed) {
  Connection::Opening opening;
  opening.channel = std::move(socket);
  open(std::move(opening), std::move(on_closed));
}

void Server::Impl::open(Connection::Opening opening, UniqueFunction<void()> on_closed) {
  const auto connection = std::make_shared<Connection>(context, std::move(opening),
                                                       [this, told = std::move(on_closed)](Connection& closed) mutable {
                                                         forget(closed);
                                                         if (told) told();
                                                       });
  connections.emplace(connection.get(), connection);
  countOpen();
  connection->start();
}

void Server::Impl::forget(Connection& connection) {
  connections.erase(&connection);
  countOpen();
  acceptAgain();
}

void Server::Impl::acceptAgain() {
  for (const Listener& listener : listeners) {
    if (hasRoom(listener.tls.get())) listener.acceptor->resume();
  }
}

Server::Server(EventLoop& loop, const ServerLimits& limits, RequestHandler& handler)
    : impl_(std::make_unique<Impl>(std::make_shared<ServerContext>(ServerContext{loop, limits, handler}))) {
  WASABI_CHECK(limits.write_low_watermark <= limits.write_high_watermark);
  WASABI_CHECK(limits.read_chunk_bytes > 0 && limits.max_connections > 0);
}

Server::~Server() {
  impl_->listeners.clear();
  impl_->handshakes.clear();
  // What observers do when they are told may close further connections.
  while (!impl_->connections.empty()) {
    const auto connection = impl_->connections.begin()->second;
    connection->close(CloseReason::kAborted);
  }
}

void Server::listen(FileDescriptor listener) {
  impl_->listen(std::move(listener), nullptr);
}

void Server::listen(FileDescriptor listener, std::shared_ptr<const ServerTls> tls) {
  WASABI_CHECK(tls != nullptr);
  impl_->listen(std::move(listener), std::move(tls));
}

void Server::serve(FileDescriptor connected, UniqueFunction<void()> on_closed) {
  auto socket = impl_->adopt(std::move(connected));
  if (!socket) return on_closed();
  impl_->serve(std::move(socket), std::move(on_closed));
}

void Server::drain() {
  impl_->context->draining = true;
  impl_->listeners.clear();
  impl_->handshakes.clear();
  impl_->countOpen();
  std::vector<std::shared_ptr<Connection>> connections;
  for (const auto& [key, connection] : impl_->connections) connections.push_back(connection);
  for (const auto& connection : connections) connection->drain();
}

bool Server::idle() const {
  return impl_->connections.empty() && impl_->handshakes.empty();
}

const ServerCounters& Server::counters() const {
  return impl_->context->counters;
}

}  // namespace wasabi::http
