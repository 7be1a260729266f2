// One HTTP/1.1 request and its response, from finding a connection to giving it back.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "http/client.h"
#include "http/client_core.h"
#include "http/client_patience.h"
#include "http/client_request.h"
#include "http/client_response.h"

namespace wasabi::http {

class Exchange final : public ClientExchange {
 public:
  Exchange(std::shared_ptr<ClientCore> core, Result<OutgoingRequest> request, const ExchangeTimes& times,
           ClientObserver& observer);
  ~Exchange() override = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void resumeReading() override;
  void pauseReading() override { reading_wanted_ = false; }
  WriteRoom send(std::span<const std::byte> chunk) override;
  void finishBody(const Fields& trailers) override;

 private:
  enum class Upload : std::uint8_t { kOpen, kFinished, kUnwanted };
  using Step = void (Exchange::*)();

  // From the loop, unless the exchange has ended by then.
  void later(Step step);
  void begin();
  void connect(Result<PooledConnection> place);
  void onConnected(tl::expected<std::unique_ptr<Transport>, ConnectFailure> outcome);
  void startTalking();
  bool retry();
  bool takenByPeer() const;
  RequestProgress progress() const;

  void refuseBody(const char* fault);
  void failForBody();
  void writeSoon();
  void writeInTurn();
  void writeMore();
  void onWritten(Transport::WriteResult result);
  void onWritingEnded(std::string bytes);
  void tellWritable();
  void stopUpload();
  void endTunnelOutput();
  bool tunnelOver() const;
  bool allSent() const { return upload_ == Upload::kFinished && outgoing_.empty() && in_transport_ == 0; }

  void readMore();
  void onRead(const Transport::ReadResult& result);
  void deliverHeld();
  void deliver(std::span<const std::byte> bytes);
  // False once the exchange is over, or destroyed.
  bool handle(const ResponseStep& step, const std::weak_ptr<Exchange>& alive);
  void onInterim();
  void onUpgrade();
  void stopWaitingForContinue();
  void onContinueTimeout();
  void onConnectionEnd();
  void onTunnelInputEnd();
  void complete();
  void failWith(ClientFailure failure, const std::string& message);
  void end();

  bool waitsForPeer() const;
  void watchPeer();
  void onSilence();
  Duration patience() const;

  const std::shared_ptr<ClientCore> core_;
  ClientObserver& observer_;
  Result<OutgoingRequest> request_;
  const ExchangeTimes times_;

  std::optional<PooledConnection> connection_;
  std::unique_ptr<ConnectAttempt> attempt_;

  std::string outgoing_;          // not given to the transport yet
  std::size_t in_transport_ = 0;  // bytes of the write under way
  std::string sent_;              // the whole request, where it may have to be sent again
  bool write_scheduled_ = false;
  bool write_full_ = false;    // kFull was returned, onWritable() is owed
  bool write_broken_ = false;  // the connection takes no more
  Upload upload_ = Upload::kOpen;
  std::uint64_t body_left_ = 0;  // of a declared length
  const char* body_fault_ = nullptr;

  std::optional<ResponseParser> parser_;  // once connected
  std::string input_;                     // received, not parsed: bounded, as nothing is read while reading is paused
  bool read_under_way_ = false;
  bool reading_wanted_ = true;
  bool bytes_received_ = false;
  bool head_received_ = false;
  bool awaits_continue_ = false;
  bool tunnel_ = false;
  bool tunnel_input_ended_ = false;
  bool connection_ended_ = false;
  std::string cut_;  // why it ended in another way than it should, or empty
  bool retried_ = false;
  bool taken_before_ = false;  // by the connection that was tried first
  bool finished_ = false;      // onEnd() or onFailure() was called

  PeerPatience patience_;
  std::optional<Timer> continue_timer_;
  std::uint64_t written_before_ = 0;  // by the transport, for others
  std::uint64_t written_at_check_ = 0;

  // Callbacks that are under way look here whether the observer has destroyed the exchange. It owns nothing.
  const std::shared_ptr<Exchange> alive_;
};

}  // namespace wasabi::http
