// A TLS session over a socket, after its handshake.
//
// Bytes count as taken by the kernel when the records that hold them were, so what a connection knows of a slow peer is
// as true here as on a bare socket; less than 64 KiB wait encrypted. A connection that ends without the peer's
// goodbye is an error (ECONNRESET), never an end of the stream: whoever sits between could cut it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "http/channel.h"
#include "http/event_loop.h"
#include "http/socket.h"
#include "http/tls_records.h"

namespace wasabi::http {

class TlsChannel final : public Channel, private ChannelUser {
 public:
  // No read of the socket is under way. The loop outlives the channel.
  TlsChannel(EventLoop& loop, std::unique_ptr<Socket> socket, std::unique_ptr<TlsRecords> records);
  ~TlsChannel() override;

  void startRead(std::span<char> memory, ChannelUser& user) override;
  bool reading() const override { return !memory_.empty(); }
  void awaitReset(ChannelUser& user) override;
  tl::expected<std::size_t, int> send(std::string_view first, std::string_view second) override;
  void awaitWritable(ChannelUser& user) override;
  bool awaitingWritable() const override { return user_awaits_room_; }
  void sayGoodbye() override;
  void shutdownOutput() override;
  void resetOnClose() override { socket_->resetOnClose(); }
  std::string peerAddress() const override { return socket_->peerAddress(); }

 private:
  void onRead(std::size_t bytes, int error) override;
  void onWritable() override;
  void onReset() override { user_->onReset(); }

  // Into the memory of the read under way. True if there is something to tell the user.
  bool decrypt();
  void readMore();
  void deliver();
  void deliverSoon();
  tl::expected<void, int> flush();
  // For what nobody offers again: answers of the session itself, and its goodbye.
  void flushAside();

  EventLoop& loop_;
  std::unique_ptr<TlsRecords> records_;
  std::unique_ptr<Socket> socket_;
  ChannelUser* user_ = nullptr;

  std::span<char> memory_;  // to read into; empty: nobody reads
  std::size_t read_bytes_ = 0;
  int read_error_ = 0;
  bool input_over_ = false;

  std::size_t encrypted_ = 0;  // bytes of the user in the batch that the kernel has not taken whole
  bool user_awaits_room_ = false;
  bool shuts_output_ = false;  // once the kernel has taken what waits

  std::shared_ptr<TlsChannel*> alive_;  // for what was deferred
};

}  // namespace wasabi::http
