#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "load/connection.h"
#include "load/response_parser.h"

namespace wasabi::bench {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;

class Http1Connection final : public Connection {
 public:
  Http1Connection(FileDescriptor socket, const Options& options, ExchangeSink& sink)
      : socket_(std::move(socket)), head_request_(options.method == "HEAD"), sink_(sink) {}

  void start(Exchange& exchange) override {
    WASABI_CHECK(alive_ && current_ == nullptr);
    current_ = &exchange;
    head_rest_ = exchange.request->http1_head;
    parser_.begin(head_request_);
    flush();
  }

  void abandon(Exchange& exchange) override {
    WASABI_CHECK(current_ == &exchange);
    end(Outcome::kTimeout);
  }

  void onEvents(std::uint32_t epoll_events) override {
    if ((epoll_events & EPOLLOUT) != 0) flush();
    if ((epoll_events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) receive();
  }

  void flush() override {
    while (current_ != nullptr && !output_failed_ && outputLeft()) {
      const std::uint64_t body = std::min<std::uint64_t>(current_->unsent_body_bytes, kBodyBlockBytes);
      std::array<iovec, 2> parts{iovec{const_cast<char*>(head_rest_.data()), head_rest_.size()},
                                 iovec{const_cast<char*>(bodyBlock()), static_cast<std::size_t>(body)}};
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = body > 0 ? 2 : 1;
      const ssize_t sent = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
      if (sent < 0) {
        // A server may answer and close before it has read everything: the reading side decides what that was.
        output_failed_ = errno != EAGAIN && errno != EINTR;
        return;
      }
      const auto of_head = std::min(static_cast<std::size_t>(sent), head_rest_.size());
      head_rest_.remove_prefix(of_head);
      current_->unsent_body_bytes -= static_cast<std::size_t>(sent) - of_head;
    }
  }

  bool alive() const override { return alive_; }
  bool accepting() const override { return alive_; }
  std::uint32_t wantedEvents() const override {
    return current_ != nullptr && !output_failed_ && outputLeft() ? EPOLLIN | EPOLLOUT : EPOLLIN;
  }
  int fd() const override { return socket_.get(); }

 private:
  bool outputLeft() const { return !head_rest_.empty() || current_->unsent_body_bytes > 0; }

  void receive() {
    std::array<char, kReadBytes> buffer;  // left as it is: nothing reads beyond what arrives
    const ssize_t received = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (current_ == nullptr) {
      alive_ = false;  // closed while idle, or bytes that nobody asked for
    } else if (received <= 0) {
      end(received == 0 && parser_.mayEndHere() ? Outcome::kOk : Outcome::kClosed);
    } else {
      take(std::string_view(buffer.data(), static_cast<std::size_t>(received)));
    }
  }

  void take(std::string_view input) {
    const ResponseParser::State state = parser_.feed(input, *current_);
    if (state == ResponseParser::State::kMore) return;
    if (state == ResponseParser::State::kBad) return end(Outcome::kProtocol);
    const bool reusable = parser_.keepAlive() && !outputLeft();
    if (!reusable) return end(Outcome::kOk);
    sink_.finished(*std::exchange(current_, nullptr), Outcome::kOk);
  }

  // The connection's last exchange.
  void end(Outcome outcome) {
    alive_ = false;
    sink_.finished(*std::exchange(current_, nullptr), outcome);
  }

  FileDescriptor socket_;
  const bool head_request_;
  ExchangeSink& sink_;
  ResponseParser parser_;
  Exchange* current_ = nullptr;
  std::string_view head_rest_;
  bool output_failed_ = false;
  bool alive_ = true;
};

}  // namespace

std::unique_ptr<Connection> makeHttp1Connection(FileDescriptor socket, const Options& options, ExchangeSink& sink) {
  return std::make_unique<Http1Connection>(std::move(socket), options, sink);
}

}  // namespace wasabi::bench
