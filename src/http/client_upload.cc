// The writing side of an exchange: framing, watermarks, and what is kept to be sent again.
#include <utility>

#include "base/text.h"
#include "http/client_exchange.h"

namespace wasabi::http {
namespace {

// Memory of a written request that is kept for the next write.
constexpr std::size_t kKeptBytes = 16 * 1024;

}  // namespace

WriteRoom Exchange::send(std::span<const std::byte> chunk) {
  if (upload_ != Upload::kOpen || chunk.empty()) return WriteRoom::kFree;
  if (tunnel_) {
    outgoing_.append(textOf(chunk));
  } else if (request_->framing == BodyFraming::kChunked) {
    appendChunk(outgoing_, chunk);
  } else if (chunk.size() <= body_left_) {
    body_left_ -= chunk.size();
    outgoing_.append(textOf(chunk));
  } else {
    refuseBody("the request's body is longer than its Content-Length");
    return WriteRoom::kFree;
  }
  writeSoon();
  write_full_ = outgoing_.size() + in_transport_ > core_->limits.write_high_watermark;
  return write_full_ ? WriteRoom::kFull : WriteRoom::kFree;
}

void Exchange::finishBody(const Fields& trailers) {
  if (upload_ != Upload::kOpen) return;
  if (!tunnel_ && request_->framing == BodyFraming::kLength && body_left_ > 0) {
    return refuseBody("the request's body is shorter than its Content-Length");
  }
  upload_ = Upload::kFinished;
  if (!tunnel_ && request_->framing == BodyFraming::kChunked) appendLastChunk(outgoing_, trailers);
  writeSoon();
}

void Exchange::refuseBody(const char* fault) {
  upload_ = Upload::kUnwanted;
  body_fault_ = fault;
  later(&Exchange::failForBody);
}

void Exchange::failForBody() {
  failWith(ClientFailure::kRequest, body_fault_);
}

// Gathers what is sent in one turn of the loop into one write.
void Exchange::writeSoon() {
  if (!std::exchange(write_scheduled_, true)) later(&Exchange::writeInTurn);
}

void Exchange::writeInTurn() {
  write_scheduled_ = false;
  writeMore();
  if (tunnelOver()) return complete();
  watchPeer();
  tellWritable();
}

void Exchange::writeMore() {
  if (!parser_ || in_transport_ > 0 || write_broken_) return;
  if (outgoing_.empty()) return endTunnelOutput();
  in_transport_ = outgoing_.size();
  switch (connection_->transport()->write(outgoing_,
                                          [this](Transport::WriteResult result) { onWritten(std::move(result)); })) {
    case Transport::WriteStart::kGoesOn:
      return;
    case Transport::WriteStart::kDone:
      return onWritingEnded(std::exchange(outgoing_, {}));
    case Transport::WriteStart::kImpossible:
      // The peer may have answered before it stopped listening, so the reading side decides what became of the request.
      in_transport_ = 0;
      write_broken_ = true;
      return;
  }
}

void Exchange::onWritten(Transport::WriteResult result) {
  if (result.failure.empty()) {
    onWritingEnded(std::move(result.bytes));
  } else {
    in_transport_ = 0;
    write_broken_ = true;
    stopUpload();
  }
  writeMore();
  if (tunnelOver()) return complete();
  watchPeer();
  tellWritable();
}

void Exchange::onWritingEnded(std::string bytes) {
  in_transport_ = 0;
  patience_.progress();
  const bool first = connection_->transport()->bytesWritten() == written_before_ + bytes.size();
  if (first && upload_ == Upload::kFinished && request_->idempotent && request_->retry_stale && connection_->reused() &&
      !retried_ && !bytes_received_ && outgoing_.empty()) {
    sent_ = std::move(bytes);
  } else if (outgoing_.empty() && bytes.capacity() <= kKeptBytes) {
    bytes.clear();
    outgoing_ = std::move(bytes);
  }
  if (outgoing_.empty()) endTunnelOutput();
}

void Exchange::tellWritable() {
  if (!write_full_ || outgoing_.size() + in_transport_ >= core_->limits.write_low_watermark) return;
  write_full_ = false;
  observer_.onWritable();
}

bool Exchange::tunnelOver() const {
  return tunnel_input_ended_ && (write_broken_ || allSent());
}

void Exchange::endTunnelOutput() {
  if (tunnel_ && allSent()) connection_->transport()->endOutput();
}

void Exchange::stopUpload() {
  upload_ = Upload::kUnwanted;
  outgoing_.clear();
  if (write_full_) writeSoon();  // which tells that there is room
}

}  // namespace wasabi::http
