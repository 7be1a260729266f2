// One HTTP/2 connection of the client: nghttp2 knows the protocol, this knows the streams.
//
// nghttp2's callbacks only take notes; observers are told between two calls into nghttp2, so that nothing they do comes
// back into it while it works.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "http/client.h"
#include "http/client_pool.h"
#include "http/nghttp2_handles.h"

namespace wasabi::http {

class H2Exchange;
struct ClientCore;

class H2ClientSession final : public std::enable_shared_from_this<H2ClientSession> {
 public:
  // The core outlives the session, unless a call of the session destroys it.
  H2ClientSession(const std::shared_ptr<ClientCore>& core, const Origin& origin, PooledConnection place);
  ~H2ClientSession();
  H2ClientSession(const H2ClientSession&) = delete;
  H2ClientSession& operator=(const H2ClientSession&) = delete;

  const Origin& origin() const { return origin_; }
  void connect(Duration timeout);
  bool connected() const { return connected_; }
  // The peer has told, or we, that no more streams may be opened.
  bool leaving() const { return leaving_; }
  bool idle() const { return streams_.empty(); }
  bool hasRoom() const;
  // No stream is open, and the peer has not closed; or streams are open, so that it is not known to have.
  bool quiet();
  // Streams have been opened on it.
  bool used() const { return used_; }

  // For the exchanges:
  // Opens a stream, to be written in this turn. Returns its id, or 0 if there are no more.
  std::int32_t open(H2Exchange& exchange);
  // There is output where there was none.
  void resumeOutput(std::int32_t id);
  void submitTrailers(std::int32_t id, const Fields& trailers);
  // Bytes of the body have been delivered: the peer may send as many more.
  void grant(std::int32_t id, std::size_t bytes);
  void reset(std::int32_t id, std::uint32_t error_code);
  // The exchange has no more to do with its stream. Does not touch the stream.
  void forget(H2Exchange& exchange);
  // It is told in the session's next turn to deliver what it noted.
  void note(H2Exchange& exchange);

  // For nghttp2's callbacks:
  void onGoAway() { leaving_ = true; }
  void ignoreBody(std::int32_t id, std::size_t bytes);
  void takeBody(std::size_t bytes);

 private:
  // What must live while the session calls observers, in the order in which it may go.
  struct Hold {
    std::shared_ptr<ClientCore> core;
    std::shared_ptr<H2ClientSession> self;
  };
  Hold hold() { return {core_.lock(), shared_from_this()}; }

  void onConnected(tl::expected<std::unique_ptr<Transport>, ConnectFailure> outcome);
  void readMore();
  void onRead(const Transport::ReadResult& result);
  void turnSoon();
  // Tells the exchanges, writes, and ends if all is over.
  void turn();
  void write();
  bool fillOutput();
  void onWritten(const Transport::WriteResult& result);
  void tellNoted();
  // To the exchanges; the connection is closed first.
  void end(ClientFailure failure, const std::string& message);
  void endIfOver();
  void armTimer();
  void onTimer();

  const std::weak_ptr<ClientCore> core_;
  EventLoop& loop_;
  const ClientLimits& limits_;
  const Origin origin_;
  std::optional<PooledConnection> place_;  // until the end
  std::unique_ptr<ConnectAttempt> attempt_;
  Nghttp2Session nghttp2_;
  std::vector<H2Exchange*> streams_;
  std::vector<H2Exchange*> noted_;
  std::vector<H2Exchange*> telling_;  // null where one was forgotten meanwhile
  std::vector<nghttp2_nv> fields_;

  std::string output_;  // of frames, not given to the transport yet
  bool writing_ = false;
  bool reading_ = false;
  bool turn_scheduled_ = false;
  bool connected_ = false;
  bool leaving_ = false;
  bool used_ = false;

  Timer timer_;
  TimePoint last_received_{};
  TimePoint idle_since_{};
  std::optional<TimePoint> pinged_;
};

}  // namespace wasabi::http
