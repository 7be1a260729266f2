// One request and its response, from finding a connection to giving it back.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "http/client.h"
#include "http/client_pool.h"
#include "http/client_request.h"
#include "http/client_response.h"

namespace wasabi::http {

// What the exchanges of a client share; the last of them and the client itself keep it.
struct ClientCore {
  ClientCore(EventLoop& its_loop, const ClientLimits& its_limits, std::unique_ptr<Connector> its_connector)
      : loop(its_loop), limits(its_limits), connector(std::move(its_connector)), pool(its_loop, its_limits) {}

  EventLoop& loop;
  const ClientLimits limits;
  const std::unique_ptr<Connector> connector;
  ConnectionPool pool;
};

struct ExchangeTimes {
  Duration connect;
  Duration first_byte;
  Duration between_bytes;
};

class Exchange : public ClientExchange {
 public:
  Exchange(std::shared_ptr<ClientCore> core, Result<OutgoingRequest> request, const ExchangeTimes& times,
           ClientObserver& observer);
  ~Exchange() override = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void resumeReading() override;
  void pauseReading() override { reading_wanted_ = false; }
  WriteRoom send(std::span<const std::byte> chunk) override;
  void finishBody() override;

 private:
  enum class Upload : std::uint8_t { kOpen, kFinished, kUnwanted };

  void later(UniqueFunction<void()> work);
  void begin();
  void connect(Result<PooledConnection> place);
  void onConnected(tl::expected<std::unique_ptr<Transport>, ConnectFailure> outcome);
  void startTalking();
  bool retry();

  void writeSoon();
  void writeMore();
  void onWritten(const std::string& failure);
  void stopUpload();

  void readMore();
  void onRead(const Transport::ReadResult& result);
  void deliver();
  void onConnectionEnd();
  void complete();
  void failWith(ClientFailure failure, std::string message);

  bool waitsForPeer() const;
  void watchPeer();
  void onSilence();
  Duration patience() const { return head_received_ ? times_.between_bytes : times_.first_byte; }

  const std::shared_ptr<ClientCore> core_;
  ClientObserver& observer_;
  Result<OutgoingRequest> request_;
  const ExchangeTimes times_;

  std::optional<PooledConnection> connection_;
  std::unique_ptr<ConnectAttempt> attempt_;

  std::string outgoing_;          // not given to the transport yet
  std::size_t in_transport_ = 0;  // bytes of the write under way
  bool write_scheduled_ = false;
  bool write_full_ = false;  // kFull was returned, onWritable() is owed
  Upload upload_ = Upload::kOpen;
  std::uint64_t body_left_ = 0;  // of a declared length

  std::optional<ResponseParser> parser_;  // once connected
  std::string input_;                     // received, not parsed: bounded, as nothing is read while reading is paused
  bool read_under_way_ = false;
  bool reading_wanted_ = true;
  bool bytes_received_ = false;
  bool head_received_ = false;
  bool connection_ended_ = false;
  std::string cut_;  // why it ended in another way than it should, or empty
  bool retried_ = false;
  bool finished_ = false;  // onEnd() or onFailure() was called

  Timer timer_;  // armed while the peer is waited for
  TimePoint last_progress_{};
  std::uint64_t written_at_check_ = 0;

  // Callbacks that are under way look here whether the observer has destroyed the exchange.
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace wasabi::http
