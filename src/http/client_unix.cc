// The connector to unix sockets.
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/file_descriptor.h"
#include "http/client_stream.h"
#include "http/dial_attempt.h"

namespace wasabi::http {
namespace {

namespace asio = boost::asio;

// Between two tries while the backlog of the peer is full, which nothing tells the end of.
constexpr Duration kFirstPause = std::chrono::milliseconds(1);
constexpr Duration kLongestPause = std::chrono::milliseconds(32);

// One connect. What it left with the loop keeps it alive past its ConnectAttempt and then finds nothing to do.
class UnixDial : public std::enable_shared_from_this<UnixDial> {
 public:
  UnixDial(EventLoop& loop, const Origin& origin, TimePoint deadline, Connector::Done done)
      : loop_(loop), origin_(origin), deadline_(deadline), done_(std::move(done)), timer_(std::in_place, loop) {}

  void start() {
    loop_.defer([self = shared_from_this()] {
      if (self->done_) self->begin();
    });
  }
  void cancel() {
    done_ = {};
    timer_.reset();
  }

 private:
  void begin();
  void tryNow();
  void tryLater();
  void succeed();
  void failWith(ClientFailure failure, const std::string& why);

  EventLoop& loop_;
  const Origin origin_;
  const TimePoint deadline_;
  Connector::Done done_;  // empty once called or cancelled
  std::optional<Timer> timer_;
  FileDescriptor socket_;
  Duration pause_ = kFirstPause;
};

void UnixDial::begin() {
  if (!origin_.is_endpoint || origin_.tls) {
    return failWith(ClientFailure::kConnect, "only unix sockets without TLS can be reached from here");
  }
  if (origin_.host.size() >= sizeof sockaddr_un::sun_path) {
    return failWith(
        ClientFailure::kConnect,
        "the path is longer than " + std::to_string(sizeof sockaddr_un::sun_path - 1) + " bytes; use a shorter one");
  }
  socket_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_.valid()) return failWith(ClientFailure::kConnect, Error::fromErrno("socket", errno).message());
  tryNow();
}

void UnixDial::tryNow() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, origin_.host.data(), origin_.host.size());
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return succeed();
  switch (errno) {
    case EAGAIN:
    case EINTR:
      return tryLater();
    case ECONNREFUSED:
      return failWith(ClientFailure::kConnect, "nobody listens there any more");
    case ENOENT:
      return failWith(ClientFailure::kConnect, "there is no such socket");
    default:
      return failWith(ClientFailure::kConnect, std::strerror(errno));
  }
}

void UnixDial::tryLater() {
  const TimePoint now = loop_.now();
  if (now >= deadline_) {
    return failWith(ClientFailure::kTimeout, "its backlog was full for longer than the request allows");
  }
  timer_->arm(std::min(now + pause_, deadline_), [this] { tryNow(); });
  pause_ = std::min(2 * pause_, kLongestPause);
}

void UnixDial::succeed() {
  StreamSocket socket(loop_.context().get_executor());
  boost::system::error_code error;
  if (socket.assign(asio::generic::stream_protocol(AF_UNIX, 0), socket_.get(), error)) {
    return failWith(ClientFailure::kConnect, error.message());
  }
  static_cast<void>(socket_.release());  // it is the stream's now
  Connector::Done done = std::move(done_);
  cancel();
  done(plainTransport(std::move(socket)));
}

void UnixDial::failWith(ClientFailure failure, const std::string& why) {
  Connector::Done done = std::move(done_);
  cancel();
  done(tl::unexpected(ConnectFailure{failure, "cannot connect to " + origin_.host + ": " + why}));
}

class UnixConnector : public Connector {
 public:
  explicit UnixConnector(EventLoop& loop) : loop_(loop) {}

  std::unique_ptr<ConnectAttempt> connect(const Origin& origin, TimePoint deadline, Done done) override {
    auto dial = std::make_shared<UnixDial>(loop_, origin, deadline, std::move(done));
    dial->start();
    return std::make_unique<DialAttempt<UnixDial>>(std::move(dial));
  }

 private:
  EventLoop& loop_;
};

}  // namespace

std::unique_ptr<Connector> unixConnector(EventLoop& loop) {
  return std::make_unique<UnixConnector>(loop);
}

}  // namespace wasabi::http
