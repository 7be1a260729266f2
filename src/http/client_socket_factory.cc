// The connector over sockets that somebody else makes.
#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

#include <boost/asio/ip/address_v4.hpp>
#include <optional>
#include <utility>

#include "base/check.h"
#include "http/client_stream.h"
#include "http/dial_attempt.h"

namespace wasabi::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// One connect. What it left with the loop and the factory keeps it alive past its ConnectAttempt and then finds nothing
// to do: after cancel() nothing is left in it that minds on which thread it goes.
class FactoryDial : public std::enable_shared_from_this<FactoryDial> {
 public:
  FactoryDial(EventLoop& loop, const Origin& origin, Connector::Done done)
      : loop_(loop), origin_(origin), done_(std::move(done)), timer_(std::in_place, loop) {}

  void start(SocketFactory& factory, TimePoint deadline);
  void cancel();

 private:
  void onSocket(Result<FileDescriptor> socket);
  void onConnected(const error_code& error);
  void failWith(ClientFailure failure, const std::string& why);

  EventLoop& loop_;
  const Origin origin_;
  Connector::Done done_;  // empty once called or cancelled
  std::optional<Timer> timer_;
  std::optional<StreamSocket> socket_;
};

void FactoryDial::start(SocketFactory& factory, TimePoint deadline) {
  timer_->arm(deadline, [this] { failWith(ClientFailure::kTimeout, "that took longer than the request allows"); });
  if (!origin_.is_endpoint || origin_.tls) {
    loop_.defer([self = shared_from_this()] {
      if (self->done_) self->failWith(ClientFailure::kConnect, "only endpoints without TLS can be reached from here");
    });
    return;
  }
  factory(origin_.host, [self = shared_from_this(), &loop = loop_](Result<FileDescriptor> socket) {
    loop.post([self, socket = std::move(socket)]() mutable {
      if (self->done_) self->onSocket(std::move(socket));
    });
  });
}

void FactoryDial::cancel() {
  done_ = {};
  timer_.reset();
  socket_.reset();
}

void FactoryDial::onSocket(Result<FileDescriptor> socket) {
  if (!socket) return failWith(ClientFailure::kConnect, socket.error().message());
  const int flags = ::fcntl(socket->get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket->get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return failWith(ClientFailure::kConnect, Error::fromErrno("fcntl", errno).message());
  }
  error_code error;
  socket_.emplace(loop_.context().get_executor());
  if (socket_->assign(asio::generic::stream_protocol(tcp::v4()), socket->get(), error)) {
    return failWith(ClientFailure::kConnect, error.message());
  }
  static_cast<void>(socket->release());  // it is the stream's now
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), origin_.port);
  socket_->async_connect(endpoint, [self = shared_from_this()](const error_code& outcome) {
    if (self->done_) self->onConnected(outcome);
  });
}

void FactoryDial::onConnected(const error_code& error) {
  if (error) return failWith(ClientFailure::kConnect, error.message());
  error_code ignored;
  socket_->set_option(tcp::no_delay(true), ignored);
  auto transport = plainTransport(std::move(*socket_), Acknowledgement::kAtOnce);
  Connector::Done done = std::move(done_);
  cancel();
  done(std::move(transport));
}

void FactoryDial::failWith(ClientFailure failure, const std::string& why) {
  Connector::Done done = std::move(done_);
  cancel();
  const std::string place = origin_.host + " port " + std::to_string(origin_.port);
  done(tl::unexpected(ConnectFailure{failure, "cannot connect to " + place + ": " + why}));
}

class FactoryConnector : public Connector {
 public:
  FactoryConnector(EventLoop& loop, SocketFactory factory) : loop_(loop), factory_(std::move(factory)) {
    WASABI_CHECK(factory_);
  }

  std::unique_ptr<ConnectAttempt> connect(const Origin& origin, TimePoint deadline, Done done) override {
    auto dial = std::make_shared<FactoryDial>(loop_, origin, std::move(done));
    dial->start(factory_, deadline);
    return std::make_unique<DialAttempt<FactoryDial>>(std::move(dial));
  }

 private:
  EventLoop& loop_;
  SocketFactory factory_;
};

}  // namespace

std::unique_ptr<Connector> socketConnector(EventLoop& loop, SocketFactory factory) {
  return std::make_unique<FactoryConnector>(loop, std::move(factory));
}

}  // namespace wasabi::http
