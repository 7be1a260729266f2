// The connector that resolves names and connects by itself.
#include "http/client_stream.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <optional>

#include "base/check.h"
#include "http/client_tls.h"
#include "http/dial_attempt.h"

namespace wasabi::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

tcp::endpoint endpointOf(const IpAddress& address, std::uint16_t port) {
  if (address.size == 4) {
    asio::ip::address_v4::bytes_type bytes;
    std::copy_n(address.bytes, bytes.size(), bytes.begin());
    return {asio::ip::address_v4(bytes), port};
  }
  asio::ip::address_v6::bytes_type bytes;
  std::copy_n(address.bytes, bytes.size(), bytes.begin());
  return {asio::ip::address_v6(bytes), port};
}

// One connect, from name to handshake. The operations in flight keep it alive past its ConnectAttempt; after cancel()
// they find nothing to do.
class Dial : public std::enable_shared_from_this<Dial> {
 public:
  Dial(EventLoop& loop, const AddressPolicy& allowed, const DirectServices& services, Origin origin, TimePoint deadline,
       Connector::Done done)
      : loop_(loop),
        allowed_(allowed),
        services_(services),
        origin_(std::move(origin)),
        deadline_(deadline),
        done_(std::move(done)),
        timer_(std::in_place, loop) {}

  void start();
  void cancel();

 private:
  void later(UniqueFunction<void()> work);
  void onResolved(Result<Addresses> answer);
  void connectNext();
  void onConnected(const error_code& error);
  void startTls();
  void onHandshake(const error_code& error);
  void armTimer(TimePoint at, UniqueFunction<void()> on_expiry);
  void succeed(std::unique_ptr<Transport> transport);
  void failWith(ClientFailure failure, std::string message);
  void timeOut(const std::string& doing);
  std::string place() const { return origin_.host + ":" + std::to_string(origin_.port); }

  EventLoop& loop_;
  const AddressPolicy& allowed_;
  const DirectServices& services_;
  const Origin origin_;
  const TimePoint deadline_;
  Connector::Done done_;  // empty once called or cancelled
  std::optional<Timer> timer_;
  std::unique_ptr<Resolution> resolution_;
  Addresses addresses_;
  std::size_t next_ = 0;      // of addresses_
  std::string last_failure_;  // of the address tried last
  std::optional<TcpSocket> socket_;
  std::unique_ptr<TlsStream> tls_;
};

void Dial::later(UniqueFunction<void()> work) {
  loop_.defer([self = shared_from_this(), work = std::move(work)]() mutable {
    if (self->done_) work();
  });
}

void Dial::start() {
  if (origin_.is_endpoint) {
    return later(
        [this] { failWith(ClientFailure::kConnect, "'" + origin_.host + "' is no host that can be resolved"); });
  }
  armTimer(deadline_, [this] { timeOut("looking up " + origin_.host); });
  if (const auto literal = parseIpAddress(origin_.host)) {
    later([this, address = *literal] { onResolved(Addresses{address}); });
    return;
  }
  auto resolution = services_.resolver->resolve(origin_.host, origin_.partition, loop_,
                                                [this](Result<Addresses> answer) { onResolved(std::move(answer)); });
  if (resolution) {
    resolution_ = std::move(*resolution);
  } else {
    later([this, message = resolution.error().message()] { failWith(ClientFailure::kLimit, message); });
  }
}

void Dial::cancel() {
  done_ = {};
  timer_.reset();
  resolution_.reset();
  error_code ignored;
  if (socket_) socket_->close(ignored);
  if (tls_) tls_->next_layer().close(ignored);
}

void Dial::onResolved(Result<Addresses> answer) {
  if (!answer) return failWith(ClientFailure::kResolve, answer.error().message());
  if (answer->empty()) return failWith(ClientFailure::kResolve, "'" + origin_.host + "' has no address");
  std::erase_if(*answer, [this](const IpAddress& address) { return !allowed_(address); });
  if (answer->empty()) {
    // Without the addresses: a guest must not learn from us how the inside of the network is numbered.
    return failWith(ClientFailure::kDenied, "no address of '" + origin_.host + "' may be called: private and other " +
                                                "special addresses are refused unless the operator allows them");
  }
  addresses_ = std::move(*answer);
  connectNext();
}

void Dial::connectNext() {
  if (next_ == addresses_.size()) {
    return failWith(ClientFailure::kConnect, "cannot connect to " + place() + ": " + last_failure_);
  }
  const std::size_t left = addresses_.size() - next_;
  const tcp::endpoint endpoint = endpointOf(addresses_[next_++], origin_.port);
  error_code error;
  socket_.emplace(loop_.context().get_executor());
  if (socket_->open(endpoint.protocol(), error)) {
    last_failure_ = error.message();
    return later([this] { connectNext(); });
  }
  // One address that swallows packets must leave the others their share of the time.
  const Duration share = std::max(Duration::zero(), deadline_ - loop_.now()) / static_cast<Duration::rep>(left);
  armTimer(left == 1 ? deadline_ : loop_.now() + share, [this] {
    last_failure_ = "no answer in time";
    if (next_ == addresses_.size()) return timeOut("connecting to " + place());
    connectNext();
  });
  // The socket that a handler belongs to may have been replaced meanwhile, which `attempt` shows.
  socket_->async_connect(endpoint, [self = shared_from_this(), attempt = next_](const error_code& outcome) {
    if (self->done_ && attempt == self->next_) self->onConnected(outcome);
  });
}

void Dial::onConnected(const error_code& error) {
  if (error) {
    last_failure_ = error.message();
    return connectNext();
  }
  error_code ignored;
  socket_->set_option(tcp::no_delay(true), ignored);
  if (!origin_.tls) return succeed(plainTransport(std::move(*socket_)));
  startTls();
}

void Dial::startTls() {
  auto session = newTlsSession(*services_.trust, origin_.host);
  if (!session) return failWith(ClientFailure::kTls, session.error().message());
  tls_ = std::make_unique<TlsStream>(std::move(*socket_), session->release());
  socket_.reset();
  armTimer(deadline_, [this] { timeOut("the TLS handshake with " + place()); });
  tls_->async_handshake(asio::ssl::stream_base::client, [self = shared_from_this()](const error_code& outcome) {
    if (self->done_) self->onHandshake(outcome);
  });
}

void Dial::onHandshake(const error_code& error) {
  if (error) {
    const auto refusal = refusalOfCertificate(tls_->native_handle());
    return failWith(refusal ? ClientFailure::kCertificate : ClientFailure::kTls,
                    "TLS with " + place() + " failed: " + refusal.value_or(error.message()));
  }
  succeed(tlsTransport(std::move(tls_)));
}

void Dial::armTimer(TimePoint at, UniqueFunction<void()> on_expiry) {
  timer_->arm(at, std::move(on_expiry));
}

void Dial::succeed(std::unique_ptr<Transport> transport) {
  Connector::Done done = std::move(done_);
  cancel();
  done(std::move(transport));
}

void Dial::failWith(ClientFailure failure, std::string message) {
  Connector::Done done = std::move(done_);
  cancel();
  done(tl::unexpected(ConnectFailure{failure, std::move(message)}));
}

void Dial::timeOut(const std::string& doing) {
  failWith(ClientFailure::kTimeout, doing + " took longer than the request allows");
}

class DirectConnector : public Connector {
 public:
  DirectConnector(EventLoop& loop, AddressPolicy allowed, DirectServices services)
      : loop_(loop), allowed_(std::move(allowed)), services_(std::move(services)) {
    WASABI_CHECK(allowed_ && services_.resolver && services_.trust);
  }

  std::unique_ptr<ConnectAttempt> connect(const Origin& origin, TimePoint deadline, Done done) override {
    auto dial = std::make_shared<Dial>(loop_, allowed_, services_, origin, deadline, std::move(done));
    dial->start();
    return std::make_unique<DialAttempt<Dial>>(std::move(dial));
  }

 private:
  EventLoop& loop_;
  AddressPolicy allowed_;
  DirectServices services_;
};

}  // namespace

Result<DirectServices> openDirectServices(const ClientTls& tls, const ResolverLimits& limits) {
  auto trust = TlsTrust::load(tls);
  if (!trust) return fail(std::move(trust).error());
  return DirectServices{std::make_shared<Resolver>(limits), std::move(*trust)};
}

std::unique_ptr<Connector> directConnector(EventLoop& loop, AddressPolicy allowed, DirectServices services) {
  return std::make_unique<DirectConnector>(loop, std::move(allowed), std::move(services));
}

}  // namespace wasabi::http
