// The connector to peers that come to us.
#include <sys/socket.h>

#include <list>
#include <utility>

#include "base/check.h"
#include "http/acceptor.h"
#include "http/client_stream.h"

namespace wasabi::http {
namespace {

namespace asio = boost::asio;

// By the peer, while it lay in the backlog.
bool wasGivenUp(int socket) {
  char byte = 0;
  return ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

struct Waiting : std::enable_shared_from_this<Waiting> {
  Waiting(EventLoop& loop, Connector::Done its_done) : done(std::move(its_done)), deadline(loop) {}

  Connector::Done done;
  Timer deadline;
};
using WaitingPtr = std::shared_ptr<Waiting>;

// Those who wait for a connection, first come first served, and what accepts for them.
class AcceptingConnector : public Connector {
 public:
  AcceptingConnector(EventLoop& loop, FileDescriptor listener) : loop_(loop), listener_(std::move(listener)) {}

  std::unique_ptr<ConnectAttempt> connect(const Origin& origin, TimePoint deadline, Done done) override;
  void leave(const WaitingPtr& waiting) { waiting_.remove(waiting); }

 private:
  void serveWaiting();
  bool take(FileDescriptor connected);
  void give(FileDescriptor connected);
  void tooLate(const WaitingPtr& waiting);

  EventLoop& loop_;
  FileDescriptor listener_;  // until the acceptor has it
  std::list<WaitingPtr> waiting_;
  FileDescriptor early_;  // came when nobody waited any more
  std::uint64_t refused_ = 0;
  std::unique_ptr<Acceptor> acceptor_;  // since the first one waited
};

// The connector outlives it.
class AcceptingAttempt : public ConnectAttempt {
 public:
  AcceptingAttempt(AcceptingConnector& connector, WaitingPtr waiting)
      : connector_(connector), waiting_(std::move(waiting)) {}
  ~AcceptingAttempt() override { connector_.leave(waiting_); }
  AcceptingAttempt(const AcceptingAttempt&) = delete;
  AcceptingAttempt& operator=(const AcceptingAttempt&) = delete;

 private:
  AcceptingConnector& connector_;
  const WaitingPtr waiting_;
};

std::unique_ptr<ConnectAttempt> AcceptingConnector::connect(const Origin& origin, TimePoint deadline, Done done) {
  WASABI_CHECK(origin.is_endpoint && !origin.tls);
  auto waiting = std::make_shared<Waiting>(loop_, std::move(done));
  waiting->deadline.arm(deadline, [this, late = waiting.get()] { tooLate(late->shared_from_this()); });
  waiting_.push_back(waiting);
  loop_.defer([weak = std::weak_ptr(waiting), this] {
    if (weak.lock()) serveWaiting();  // else its attempt is gone, and perhaps the connector
  });
  return std::make_unique<AcceptingAttempt>(*this, std::move(waiting));
}

void AcceptingConnector::serveWaiting() {
  if (early_.valid()) take(std::exchange(early_, FileDescriptor()));
  if (waiting_.empty()) return;
  if (acceptor_) return acceptor_->resume();
  auto acceptor = Acceptor::open(
      loop_, std::move(listener_), [this](FileDescriptor connected) { return take(std::move(connected)); }, refused_);
  WASABI_CHECK(acceptor.has_value());
  acceptor_ = std::move(*acceptor);
}

// Whether there are more who wait.
bool AcceptingConnector::take(FileDescriptor connected) {
  if (wasGivenUp(connected.get())) return !waiting_.empty();
  if (waiting_.empty()) {
    early_ = std::move(connected);
  } else {
    give(std::move(connected));
  }
  return !waiting_.empty();
}

void AcceptingConnector::give(FileDescriptor connected) {
  StreamSocket socket(loop_.context().get_executor());
  boost::system::error_code error;
  if (socket.assign(asio::generic::stream_protocol(AF_UNIX, 0), connected.get(), error)) return;  // the next one, then
  static_cast<void>(connected.release());
  const WaitingPtr first = waiting_.front();
  waiting_.pop_front();
  first->deadline.cancel();
  Done done = std::move(first->done);
  done(plainTransport(std::move(socket)));
}

void AcceptingConnector::tooLate(const WaitingPtr& waiting) {
  waiting_.remove(waiting);
  Done done = std::move(waiting->done);
  done(tl::unexpected(ConnectFailure{ClientFailure::kTimeout, "nobody came in time to take it"}));
}

}  // namespace

std::unique_ptr<Connector> acceptingConnector(EventLoop& loop, FileDescriptor listener) {
  return std::make_unique<AcceptingConnector>(loop, std::move(listener));
}

}  // namespace wasabi::http
