#include "http/server.h"

#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "http/acceptor.h"
#include "http/connection.h"
#include "http/server_context.h"
#include "http/socket.h"

namespace wasabi::http {

struct Server::Impl {
  explicit Impl(std::shared_ptr<ServerContext> its_context) : context(std::move(its_context)) {}

  // Whether there is room for more.
  bool take(FileDescriptor connected);
  void forget(Connection& connection);
  bool full() const { return connections.size() >= context->limits.max_connections; }

  const std::shared_ptr<ServerContext> context;
  std::vector<std::unique_ptr<Acceptor>> acceptors;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections;
};

bool Server::Impl::take(FileDescriptor connected) {
  ServerCounters& counters = context->counters;
  auto socket = Socket::adopt(context->loop, std::move(connected));
  if (!socket) {
    ++counters.connections_refused;
    return true;
  }
  const auto connection =
      std::make_shared<Connection>(context, std::move(*socket), [this](Connection& closed) { forget(closed); });
  connections.emplace(connection.get(), connection);
  ++counters.connections_accepted;
  counters.connections_open = connections.size();
  connection->start();
  return !full();
}

void Server::Impl::forget(Connection& connection) {
  connections.erase(&connection);
  context->counters.connections_open = connections.size();
  for (const auto& acceptor : acceptors) acceptor->resume();
}

Server::Server(EventLoop& loop, const ServerLimits& limits, RequestHandler& handler)
    : impl_(std::make_unique<Impl>(std::make_shared<ServerContext>(ServerContext{loop, limits, handler}))) {
  WASABI_CHECK(limits.write_low_watermark <= limits.write_high_watermark);
  WASABI_CHECK(limits.read_chunk_bytes > 0 && limits.max_connections > 0);
}

Server::~Server() {
  impl_->acceptors.clear();
  // What observers do when they are told may close further connections.
  while (!impl_->connections.empty()) {
    const auto connection = impl_->connections.begin()->second;
    connection->close(CloseReason::kAborted);
  }
}

void Server::listen(FileDescriptor listener) {
  WASABI_CHECK(!impl_->context->draining);
  auto acceptor = Acceptor::open(
      impl_->context->loop, std::move(listener),
      [impl = impl_.get()](FileDescriptor connected) { return impl->take(std::move(connected)); },
      impl_->context->counters.connections_refused);
  WASABI_CHECK(acceptor.has_value());
  impl_->acceptors.push_back(std::move(*acceptor));
}

void Server::drain() {
  impl_->context->draining = true;
  impl_->acceptors.clear();
  std::vector<std::shared_ptr<Connection>> connections;
  for (const auto& [key, connection] : impl_->connections) connections.push_back(connection);
  for (const auto& connection : connections) connection->drain();
}

bool Server::idle() const {
  return impl_->connections.empty();
}

const ServerCounters& Server::counters() const {
  return impl_->context->counters;
}

}  // namespace wasabi::http
