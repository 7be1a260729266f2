// A connected stream socket on an event loop: the only place where the server meets Asio's sockets.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "http/event_loop.h"

namespace wasabi::http {

// Called from the loop only, never from inside a call into the socket, and never after the socket was destroyed.
class SocketUser {
 public:
  virtual ~SocketUser() = default;
  // `error` is 0 or an errno value; 0 bytes without an error mean the peer has closed its side.
  virtual void onRead(std::size_t bytes, int error) = 0;
  virtual void onWritable() = 0;
};

class Socket {
 public:
  // Takes a connected non-blocking TCP or unix socket.
  static Result<Socket> adopt(EventLoop& loop, FileDescriptor connected);
  ~Socket();
  Socket(Socket&&) noexcept;
  Socket& operator=(Socket&&) = delete;

  // One read at a time; the memory stays valid until onRead() or the destruction of the socket.
  void startRead(std::span<char> memory, SocketUser& user);
  bool reading() const;

  // How many bytes the kernel took; fewer than all means it is full. An errno value if the connection is broken.
  tl::expected<std::size_t, int> send(std::string_view first, std::string_view second);
  // onWritable() follows, once.
  void awaitWritable(SocketUser& user);
  bool awaitingWritable() const;

  // No more output; the peer sees the end of the stream.
  void shutdownOutput();
  // Makes the destruction of the socket a reset, which no peer takes for a regular end.
  void resetOnClose();

  // "1.2.3.4:567", "[::1]:567" or "unix".
  std::string peerAddress() const;

 private:
  struct State;
  explicit Socket(std::shared_ptr<State> state);

  // Shared with the operations in flight, which end after the socket is gone.
  std::shared_ptr<State> state_;
};

}  // namespace wasabi::http
