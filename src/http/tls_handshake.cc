#include "http/tls_handshake.h"

#include <utility>

#include "http/character_class.h"
#include "http/tls_channel.h"

namespace wasabi::http {

namespace {

// A client's greeting mostly fits.
constexpr std::size_t kReadSize = 4096;

}  // namespace

TlsHandshake::TlsHandshake(ServerContext& context, std::unique_ptr<Socket> socket,
                           std::shared_ptr<const CertificateTable> table, Done done)
    : context_(context),
      table_(std::move(table)),
      socket_(std::move(socket)),
      done_(std::move(done)),
      timer_(context.loop) {
  if (SslHandle session = table_->newSession()) {
    records_ = std::make_unique<TlsRecords>(std::move(session), context.counters.buffered_bytes);
  }
}

void TlsHandshake::start() {
  const Duration time = records_ ? context_.limits.handshake_timeout : Duration::zero();
  timer_.arm(context_.loop.now() + time, [this] { end({}); });
  if (records_) socket_->startRead(records_->arrived().prepare(kReadSize).first(kReadSize), *this);
}

void TlsHandshake::onRead(std::size_t bytes, int error) {
  if (error != 0 || bytes == 0) {
    end({});
    return;
  }
  records_->arrived().commit(bytes);
  // A record of the TLS handshake starts with the byte 22, a request with a method.
  const bool plain = !std::exchange(greeted_, true) && isTokenText(records_->arrived().view().substr(0, 1));
  if (plain) {
    handOverPlain();
  } else {
    advance();
  }
}

void TlsHandshake::advance() {
  const auto outcome = records_->shakeHands();
  flush();
  switch (outcome) {
    case TlsRecords::Handshake::kWantInput:
      socket_->startRead(records_->arrived().prepare(kReadSize).first(kReadSize), *this);
      break;
    case TlsRecords::Handshake::kDone:
      establish();
      break;
    case TlsRecords::Handshake::kFailed:
      end({});
      break;
  }
}

void TlsHandshake::flush() {
  ByteBuffer& outgoing = records_->outgoing();
  if (outgoing.empty()) return;
  // A broken connection shows in the next read.
  if (const auto taken = socket_->send(outgoing.view(), {})) outgoing.consume(*taken);
  if (!outgoing.empty()) socket_->awaitWritable(*this);
}

void TlsHandshake::onWritable() {
  flush();
}

void TlsHandshake::establish() {
  Connection::Opening opening;
  opening.secure = true;
  opening.protocol = records_->chosenProtocol() == "h2" ? Protocol::kHttp2 : Protocol::kHttp1;
  opening.channel = std::make_unique<TlsChannel>(context_.loop, std::move(socket_), std::move(records_));
  end(std::move(opening));
}

void TlsHandshake::handOverPlain() {
  Connection::Opening opening;
  opening.protocol = Protocol::kTlsMissing;
  opening.early = records_->arrived().view();
  opening.channel = std::move(socket_);
  end(std::move(opening));
}

void TlsHandshake::end(Connection::Opening opening) {
  timer_.cancel();
  Done done = std::move(done_);
  done(*this, std::move(opening));
}

}  // namespace wasabi::http
