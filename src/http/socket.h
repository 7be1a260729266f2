// A connected stream socket on an event loop: the only place where the server meets Asio's sockets.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "http/channel.h"
#include "http/event_loop.h"

namespace wasabi::http {

class Socket final : public Channel {
 public:
  // Takes a connected non-blocking TCP or unix socket.
  static Result<std::unique_ptr<Socket>> adopt(EventLoop& loop, FileDescriptor connected);
  ~Socket() override;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void startRead(std::span<char> memory, ChannelUser& user) override;
  bool reading() const override;
  void awaitReset(ChannelUser& user) override;
  tl::expected<std::size_t, int> send(std::string_view first, std::string_view second) override;
  void awaitWritable(ChannelUser& user) override;
  bool awaitingWritable() const override;
  void sayGoodbye() override {}
  void shutdownOutput() override;
  void resetOnClose() override;
  std::string peerAddress() const override;

 private:
  struct State;
  explicit Socket(std::shared_ptr<State> state);

  // Shared with the operations in flight, which end after the socket is gone.
  std::shared_ptr<State> state_;
};

}  // namespace wasabi::http
