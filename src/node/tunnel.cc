#include "node/tunnel.h"

#include <utility>

namespace wasabi::node {

using http::Transport;

Tunnel::Tunnel(http::ServerStream& stream, http::Connector& connector, const http::Origin& peer, TimePoint deadline,
               CarriedOwner& owner)
    : stream_(&stream), owner_(owner) {
  stream.attach(*this);
  attempt_ =
      connector.connect(peer, deadline, [this](tl::expected<std::unique_ptr<Transport>, http::ConnectFailure> outcome) {
        connected(std::move(outcome));
      });
}

Tunnel::~Tunnel() = default;

void Tunnel::connected(tl::expected<std::unique_ptr<Transport>, http::ConnectFailure> outcome) {
  attempt_.reset();
  if (!outcome) {
    record_.failure = outcome.error().failure;
    return refuseCall(*stream_, outcome.error().failure, CallerKind::kContainer);
  }
  peer_ = std::move(*outcome);
  stream_->acceptUpgrade("", {});
  stream_->resumeReading();
  readPeer();
}

// ---- to the peer ----------------------------------------------------------------------------------------------------

void Tunnel::onBody(std::span<const std::byte> chunk) {
  record_.bytes_sent += chunk.size();
  if (!peer_) return;
  to_peer_.append(reinterpret_cast<const char*>(chunk.data()), chunk.size());
  if (to_peer_.size() >= kMostHeld) stream_->pauseReading();
  writePeer();
}

void Tunnel::onBodyEnd(const http::Fields&) {
  output_ends_ = true;
  writePeer();
}

void Tunnel::writePeer() {
  if (!peer_ || writing_) return;
  while (!to_peer_.empty()) {
    switch (peer_->write(to_peer_, [this](const Transport::WriteResult& written) { wrote(written); })) {
      case Transport::WriteStart::kDone:
        to_peer_.clear();
        break;
      case Transport::WriteStart::kGoesOn:
        writing_ = true;
        to_peer_.clear();  // what it held has been moved away
        return;
      case Transport::WriteStart::kImpossible:
        return broken();
    }
  }
  if (output_ends_) return peer_->endOutput();
  stream_->resumeReading();
}

void Tunnel::wrote(const Transport::WriteResult& written) {
  writing_ = false;
  if (!written.failure.empty()) return broken();
  writePeer();
}

// ---- from the peer --------------------------------------------------------------------------------------------------

void Tunnel::readPeer() {
  peer_->read([this](const Transport::ReadResult& read) { took(read); });
}

void Tunnel::took(const Transport::ReadResult& read) {
  switch (read.status) {
    case Transport::ReadStatus::kData:
      record_.bytes_received += read.bytes.size();
      peer_rests_ = stream_->send(read.bytes) == http::WriteRoom::kFull;
      if (!peer_rests_) readPeer();
      return;
    case Transport::ReadStatus::kEnd:
      return stream_->finish({});
    case Transport::ReadStatus::kCut:
      return broken();
  }
}

void Tunnel::onWritable() {
  if (peer_ && std::exchange(peer_rests_, false)) readPeer();
}

// ---- the end --------------------------------------------------------------------------------------------------------

// The container is told by a reset, which no program takes for the end of what it reads.
void Tunnel::broken() {
  record_.failure = http::ClientFailure::kDisconnected;
  peer_.reset();
  stream_->abort();
}

void Tunnel::onClosed(http::CloseReason) {
  stream_ = nullptr;
  attempt_.reset();
  peer_.reset();
  owner_.over(*this, record_);
}

}  // namespace wasabi::node
