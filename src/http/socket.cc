#include "http/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <utility>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

#include "base/check.h"
#include "http/socket_address.h"

namespace wasabi::http {

namespace asio = boost::asio;
namespace {

constexpr int kSendFlags = MSG_NOSIGNAL | MSG_DONTWAIT;

ssize_t sendBoth(int fd, std::string_view first, std::string_view second) {
  const auto part = [](std::string_view text) { return iovec{const_cast<char*>(text.data()), text.size()}; };
  std::array<iovec, 2> parts = {part(first), part(second)};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(fd, &message, kSendFlags);
}

}  // namespace

using StreamSocket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;

struct Socket::State {
  explicit State(asio::io_context& context) : socket(context.get_executor()) {}

  StreamSocket socket;
  ChannelUser* user = nullptr;  // none once the Socket is gone
  bool closed = false;
  bool reading = false;
  bool awaiting_reset = false;
  bool awaiting_writable = false;
};

Socket::Socket(std::shared_ptr<State> state) : state_(std::move(state)) {}

Socket::~Socket() {
  state_->closed = true;
  boost::system::error_code ignored;
  state_->socket.close(ignored);
}

Result<std::unique_ptr<Socket>> Socket::adopt(EventLoop& loop, FileDescriptor connected) {
  const int fd = connected.get();
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return fail(Error::fromErrno("getsockname", errno));
  }
  if (address.ss_family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  auto state = std::make_shared<State>(loop.context());
  boost::system::error_code error;
  state->socket.assign(asio::generic::stream_protocol(address.ss_family, 0), fd, error);
  if (error) return fail(Error::fromErrno("epoll_ctl", error.value()));
  connected.release();
  state->socket.native_non_blocking(true, error);
  if (error) return fail(Error::fromErrno("setting O_NONBLOCK", error.value()));
  return std::unique_ptr<Socket>(new Socket(std::move(state)));
}

void Socket::startRead(std::span<char> memory, ChannelUser& user) {
  WASABI_CHECK(!state_->reading);
  state_->reading = true;
  state_->user = &user;
  state_->socket.async_read_some(asio::buffer(memory.data(), memory.size()),
                                 [state = state_](const boost::system::error_code& error, std::size_t bytes) {
                                   state->reading = false;
                                   if (state->closed) return;
                                   const bool end = error == asio::error::eof;
                                   state->user->onRead(bytes, end ? 0 : error.value());
                                 });
}

bool Socket::reading() const {
  return state_->reading;
}

// Urgent data wakes it too, and then it waits no more: nobody sends such over HTTP.
void Socket::awaitReset(ChannelUser& user) {
  state_->user = &user;
  if (std::exchange(state_->awaiting_reset, true)) return;
  state_->socket.async_wait(StreamSocket::wait_error, [state = state_](const boost::system::error_code&) {
    if (state->closed) return;
    pollfd now{state->socket.native_handle(), 0, 0};
    if (::poll(&now, 1, 0) == 1 && (now.revents & POLLERR) != 0) state->user->onReset();
  });
}

tl::expected<std::size_t, int> Socket::send(std::string_view first, std::string_view second) {
  const int fd = state_->socket.native_handle();
  for (;;) {
    const ssize_t sent =
        second.empty() ? ::send(fd, first.data(), first.size(), kSendFlags) : sendBoth(fd, first, second);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) return std::size_t{0};
    return tl::unexpected(errno);
  }
}

void Socket::awaitWritable(ChannelUser& user) {
  state_->user = &user;
  if (state_->awaiting_writable) return;
  state_->awaiting_writable = true;
  state_->socket.async_wait(StreamSocket::wait_write, [state = state_](const boost::system::error_code&) {
    state->awaiting_writable = false;
    if (!state->closed) state->user->onWritable();
  });
}

bool Socket::awaitingWritable() const {
  return state_->awaiting_writable;
}

void Socket::shutdownOutput() {
  ::shutdown(state_->socket.native_handle(), SHUT_WR);
}

void Socket::resetOnClose() {
  const linger at_once{1, 0};
  ::setsockopt(state_->socket.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

std::string Socket::peerAddress() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(state_->socket.native_handle(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  return address.ss_family == AF_UNIX ? "unix" : formatSocketAddress(address);
}

}  // namespace wasabi::http
