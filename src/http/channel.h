// What carries the bytes of a server's connection: a socket, or TLS over one. The connection does not care which.
//
// Everything here lives on the loop's thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace wasabi::http {

// Called from the loop only, never from inside a call into the channel, and never after the channel was destroyed.
class ChannelUser {
 public:
  virtual ~ChannelUser() = default;
  // `error` is 0 or an errno value; 0 bytes without an error mean that the peer has properly closed its side.
  virtual void onRead(std::size_t bytes, int error) = 0;
  virtual void onWritable() = 0;
  virtual void onReset() {}
};

// Destroying it closes it.
class Channel {
 public:
  virtual ~Channel() = default;

  // One read at a time; the memory stays valid until onRead() or the destruction of the channel.
  virtual void startRead(std::span<char> memory, ChannelUser& user) = 0;
  virtual bool reading() const = 0;

  // onReset() follows if the peer resets the connection, once, though nobody reads. Asked again, nothing is added.
  virtual void awaitReset(ChannelUser& user) = 0;

  // How many bytes the kernel took; fewer than all means it is full, and what was not taken must be offered again,
  // first. An errno value if the connection is broken.
  virtual tl::expected<std::size_t, int> send(std::string_view first, std::string_view second) = 0;
  // onWritable() follows, once.
  virtual void awaitWritable(ChannelUser& user) = 0;
  virtual bool awaitingWritable() const = 0;

  // The end that follows is a regular one. Peers of a TLS channel are told so, and take any other end for a cut.
  virtual void sayGoodbye() = 0;
  // No more output; the peer sees the regular end of the stream, and may go on sending.
  virtual void shutdownOutput() = 0;
  // Makes the destruction of the channel a reset, which no peer takes for a regular end.
  virtual void resetOnClose() = 0;

  // "1.2.3.4:567", "[::1]:567" or "unix".
  virtual std::string peerAddress() const = 0;
};

}  // namespace wasabi::http
