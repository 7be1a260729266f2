#include "http/client_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <string_view>

#include "base/check.h"

namespace wasabi::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// A TLS record holds no more, so larger reads would gain nothing there.
constexpr std::size_t kReadBytes = 16 * 1024;

// The peer has neither sent anything nor closed.
bool socketIsQuiet(int socket) {
  char byte;
  const ssize_t got = recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// A stream tells how much of `bytes` its socket takes at once, or an errno value where it will never take any.
using TakenNow = tl::expected<std::size_t, int>;

struct PlainStream {
  StreamSocket socket;
  Acknowledgement acknowledgement = Acknowledgement::kAsTheKernelLikes;

  StreamSocket& stream() { return socket; }
  StreamSocket& lowest() { return socket; }
  bool quiet() { return socketIsQuiet(socket.native_handle()); }
  // Sends what acknowledgement waits.
  void acknowledge() {
    if (acknowledgement != Acknowledgement::kAtOnce) return;
    const int on = 1;
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
  }
  // One system call, where Asio would need a turn of the loop more to say the same.
  TakenNow writeNow(std::string_view bytes) {
    const ssize_t sent = ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EPIPE || errno == ECONNRESET) return tl::unexpected(errno);
    return std::size_t{0};
  }
};

struct SecureStream {
  std::unique_ptr<TlsStream> secure;

  TlsStream& stream() { return *secure; }
  TcpSocket& lowest() { return secure->next_layer(); }
  bool quiet() {
    SSL* session = secure->native_handle();
    return SSL_pending(session) == 0 && BIO_ctrl_pending(SSL_get_rbio(session)) == 0 &&
           socketIsQuiet(lowest().native_handle());
  }
  static void acknowledge() {}
  static TakenNow writeNow(std::string_view) { return std::size_t{0}; }
};

// What the operations in flight keep alive: they may end after the transport that began them.
template <typename Stream>
class StreamState : public std::enable_shared_from_this<StreamState<Stream>> {
 public:
  explicit StreamState(Stream stream) : stream_(std::move(stream)) {}

  void read(Transport::ReadDone done);
  Transport::WriteStart write(std::string& bytes, Transport::WriteDone done);
  void endOutput();
  void close();
  bool quiet() { return stream_.quiet(); }
  std::uint64_t bytesWritten() const { return bytes_written_; }

 private:
  void onRead(const error_code& error, std::size_t size);
  void writeMore();
  void onWritten(const error_code& error, std::size_t size);

  Stream stream_;
  std::unique_ptr<std::byte[]> read_buffer_;
  std::string outgoing_;
  std::size_t taken_ = 0;  // of outgoing_
  std::uint64_t bytes_written_ = 0;
  Transport::ReadDone read_done_;
  Transport::WriteDone write_done_;
};

template <typename Stream>
void StreamState<Stream>::read(Transport::ReadDone done) {
  const bool under_way = static_cast<bool>(read_done_);
  read_done_ = std::move(done);
  if (under_way) return;
  if (read_buffer_ == nullptr) read_buffer_.reset(new std::byte[kReadBytes]);
  stream_.stream().async_read_some(
      asio::buffer(read_buffer_.get(), kReadBytes),
      [self = this->shared_from_this()](const error_code& error, std::size_t size) { self->onRead(error, size); });
}

template <typename Stream>
void StreamState<Stream>::onRead(const error_code& error, std::size_t size) {
  Transport::ReadDone done = std::move(read_done_);
  if (!done) return;
  Transport::ReadResult result;
  if (!error) {
    result.bytes = {read_buffer_.get(), size};
    stream_.acknowledge();
  } else if (error == asio::error::eof) {
    result.status = Transport::ReadStatus::kEnd;
  } else {
    result.status = Transport::ReadStatus::kCut;
    result.message = error.message();
  }
  done(result);
}

template <typename Stream>
Transport::WriteStart StreamState<Stream>::write(std::string& bytes, Transport::WriteDone done) {
  WASABI_CHECK(!write_done_ && !bytes.empty());
  const TakenNow taken = stream_.writeNow(bytes);
  if (!taken) return Transport::WriteStart::kImpossible;
  bytes_written_ += *taken;
  if (*taken == bytes.size()) return Transport::WriteStart::kDone;
  taken_ = *taken;
  outgoing_ = std::move(bytes);
  bytes.clear();
  write_done_ = std::move(done);
  writeMore();
  return Transport::WriteStart::kGoesOn;
}

template <typename Stream>
void StreamState<Stream>::writeMore() {
  stream_.stream().async_write_some(
      asio::buffer(outgoing_.data() + taken_, outgoing_.size() - taken_),
      [self = this->shared_from_this()](const error_code& error, std::size_t size) { self->onWritten(error, size); });
}

template <typename Stream>
void StreamState<Stream>::onWritten(const error_code& error, std::size_t size) {
  if (!write_done_) return;
  taken_ += size;
  bytes_written_ += size;
  if (!error && taken_ < outgoing_.size()) {
    writeMore();
    return;
  }
  Transport::WriteDone done = std::move(write_done_);
  done({std::exchange(outgoing_, {}), error ? error.message() : std::string()});
}

template <typename Stream>
void StreamState<Stream>::endOutput() {
  ::shutdown(stream_.lowest().native_handle(), SHUT_WR);
}

template <typename Stream>
void StreamState<Stream>::close() {
  read_done_ = {};
  write_done_ = {};
  error_code ignored;
  stream_.lowest().close(ignored);
}

template <typename Stream>
class StreamTransport : public Transport {
 public:
  explicit StreamTransport(Stream stream) : state_(std::make_shared<StreamState<Stream>>(std::move(stream))) {}
  ~StreamTransport() override { state_->close(); }
  StreamTransport(const StreamTransport&) = delete;
  StreamTransport& operator=(const StreamTransport&) = delete;

  void read(ReadDone done) override { state_->read(std::move(done)); }
  WriteStart write(std::string& bytes, WriteDone done) override { return state_->write(bytes, std::move(done)); }
  void endOutput() override { state_->endOutput(); }
  std::uint64_t bytesWritten() const override { return state_->bytesWritten(); }
  bool quiet() override { return state_->quiet(); }

 private:
  std::shared_ptr<StreamState<Stream>> state_;
};

}  // namespace

std::unique_ptr<Transport> plainTransport(StreamSocket socket, Acknowledgement acknowledgement) {
  return std::make_unique<StreamTransport<PlainStream>>(PlainStream{std::move(socket), acknowledgement});
}

std::unique_ptr<Transport> tlsTransport(std::unique_ptr<TlsStream> stream) {
  return std::make_unique<StreamTransport<SecureStream>>(SecureStream{std::move(stream)});
}

}  // namespace wasabi::http
