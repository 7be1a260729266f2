// Accepts connections from one listening socket.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "http/event_loop.h"

namespace wasabi::http {

class Acceptor {
 public:
  // Gives each new connection to `on_accept`, until that says it wants no more for now. Connections that cannot be
  // accepted for want of descriptors or memory are counted in `refused`.
  using OnAccept = std::function<bool(FileDescriptor)>;
  static Result<std::unique_ptr<Acceptor>> open(EventLoop& loop, FileDescriptor listener, OnAccept on_accept,
                                                std::uint64_t& refused);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // After `on_accept` wanted no more: it does again.
  void resume();

 private:
  struct State;
  explicit Acceptor(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace wasabi::http
