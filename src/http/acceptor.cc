#include "http/acceptor.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

namespace wasabi::http {

namespace asio = boost::asio;

namespace {

// So many are accepted in a row before the loop goes on.
constexpr int kMaxAtOnce = 16;
constexpr Duration kRestAfterRefusal = std::chrono::milliseconds(100);

FileDescriptor openReserve() {
  return FileDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

struct Acceptor::State : std::enable_shared_from_this<State> {
  using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

  State(EventLoop& its_loop, OnAccept its_on_accept, std::uint64_t& its_refused)
      : loop(its_loop),
        on_accept(std::move(its_on_accept)),
        refused(its_refused),
        listener(its_loop.context().get_executor()),
        rest(its_loop),
        reserve(openReserve()) {}

  void wait();
  void acceptSome();
  void refuseOne();

  EventLoop& loop;
  OnAccept on_accept;
  std::uint64_t& refused;
  Descriptor listener;
  Timer rest;
  // Given up to accept and close a connection when no descriptor is left: its peer learns at once, and the listener
  // does not stay ready for ever.
  FileDescriptor reserve;
  bool waiting = false;
  bool paused = false;
  bool closed = false;
};

void Acceptor::State::wait() {
  if (waiting || closed) return;
  waiting = true;
  listener.async_wait(Descriptor::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
    self->waiting = false;
    if (!error && !self->closed) self->acceptSome();
  });
}

void Acceptor::State::acceptSome() {
  const auto self = shared_from_this();
  for (int i = 0; i < kMaxAtOnce && !paused && !closed; ++i) {
    FileDescriptor connected(::accept4(listener.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connected.valid()) {
      paused = !on_accept(std::move(connected));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      refuseOne();
      return;
    }
    // The peer is gone already, or the network has an error to report for it: the next one.
  }
  if (!paused) wait();
}

void Acceptor::State::refuseOne() {
  ++refused;
  reserve.reset();
  FileDescriptor(::accept4(listener.native_handle(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
  reserve = openReserve();
  rest.arm(loop.now() + kRestAfterRefusal, [this] { acceptSome(); });
}

Acceptor::Acceptor(std::shared_ptr<State> state) : state_(std::move(state)) {}

Acceptor::~Acceptor() {
  state_->closed = true;
  state_->rest.cancel();
  boost::system::error_code ignored;
  state_->listener.close(ignored);
}

Result<std::unique_ptr<Acceptor>> Acceptor::open(EventLoop& loop, FileDescriptor listener, OnAccept on_accept,
                                                 std::uint64_t& refused) {
  auto state = std::make_shared<State>(loop, std::move(on_accept), refused);
  boost::system::error_code error;
  state->listener.assign(listener.get(), error);
  if (error) return fail(Error::fromErrno("epoll_ctl", error.value()));
  listener.release();
  state->listener.native_non_blocking(true, error);
  if (error) return fail(Error::fromErrno("setting O_NONBLOCK", error.value()));
  state->wait();
  return std::unique_ptr<Acceptor>(new Acceptor(std::move(state)));
}

void Acceptor::resume() {
  if (!state_->paused) return;
  state_->paused = false;
  state_->wait();
}

}  // namespace wasabi::http
