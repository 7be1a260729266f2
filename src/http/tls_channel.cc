#include "http/tls_channel.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace wasabi::http {

namespace {

// So much is encrypted before the kernel is asked to take it: several records for one system call.
constexpr std::size_t kBatch = 32 * 1024;
// More waits only where the peer provokes answers of the session (key updates) and does not read them.
constexpr std::size_t kMaxOutgoing = 64 * 1024;
static_assert(kBatch + TlsRecords::kMaxRecord < kMaxOutgoing);
// What a connection keeps to read into and to write from when there is nothing.
constexpr std::size_t kKept = 4608;

// Records are a little larger than what is in them.
std::size_t encryptedSize(std::size_t plain) {
  return plain + plain / 32 + 256;
}

// The next record's worth at `offset` of both together.
std::string_view pieceAt(std::string_view first, std::string_view second, std::size_t offset) {
  const std::string_view rest = offset < first.size() ? first.substr(offset) : second.substr(offset - first.size());
  return rest.substr(0, TlsRecords::kMaxRecord);
}

}  // namespace

TlsChannel::TlsChannel(EventLoop& loop, std::unique_ptr<Socket> socket, std::unique_ptr<TlsRecords> records)
    : loop_(loop),
      records_(std::move(records)),
      socket_(std::move(socket)),
      alive_(std::make_shared<TlsChannel*>(this)) {
  // What the handshake left.
  if (!records_->outgoing().empty() || socket_->awaitingWritable()) socket_->awaitWritable(*this);
}

TlsChannel::~TlsChannel() = default;

void TlsChannel::startRead(std::span<char> memory, ChannelUser& user) {
  WASABI_CHECK(!reading() && !memory.empty());
  memory_ = memory;
  user_ = &user;
  if ((input_over_ || records_->holdsInput()) && decrypt()) {
    deliverSoon();
  } else {
    readMore();
  }
}

bool TlsChannel::decrypt() {
  const auto decrypted = records_->decrypt(memory_);
  flushAside();
  using Status = TlsRecords::Decrypted::Status;
  input_over_ = decrypted.status != Status::kOpen;
  read_bytes_ = decrypted.bytes;
  const bool failed = decrypted.status == Status::kFailed || records_->outgoing().size() > kMaxOutgoing;
  read_error_ = failed && read_bytes_ == 0 ? EPROTO : 0;
  return read_bytes_ > 0 || read_error_ != 0 || input_over_;
}

void TlsChannel::readMore() {
  const std::size_t size = encryptedSize(memory_.size());
  socket_->startRead(records_->arrived().prepare(size).first(size), *this);
}

void TlsChannel::deliverSoon() {
  loop_.defer([alive = std::weak_ptr(alive_)] {
    if (const auto self = alive.lock()) (*self)->deliver();
  });
}

void TlsChannel::deliver() {
  memory_ = {};
  records_->arrived().shrink(kKept);
  user_->onRead(read_bytes_, read_error_);
}

void TlsChannel::onRead(std::size_t bytes, int error) {
  if (error == 0 && bytes > 0) {
    records_->arrived().commit(bytes);
    if (!decrypt()) {
      readMore();
      return;
    }
  } else {
    input_over_ = true;
    read_bytes_ = 0;
    read_error_ = error == 0 ? ECONNRESET : error;
  }
  deliver();
}

void TlsChannel::awaitReset(ChannelUser& user) {
  user_ = &user;
  socket_->awaitReset(*this);
}

tl::expected<std::size_t, int> TlsChannel::send(std::string_view first, std::string_view second) {
  const std::size_t total = first.size() + second.size();
  WASABI_CHECK(encrypted_ <= total);
  std::size_t taken = 0;
  for (;;) {
    while (taken + encrypted_ < total && records_->outgoing().size() < kBatch) {
      const std::string_view piece = pieceAt(first, second, taken + encrypted_);
      if (!records_->encrypt(piece)) return tl::unexpected(EPROTO);
      encrypted_ += piece.size();
    }
    if (const auto flushed = flush(); !flushed) return tl::unexpected(flushed.error());
    if (!records_->outgoing().empty()) return taken;
    taken += std::exchange(encrypted_, 0);
    if (taken == total) return taken;
  }
}

tl::expected<void, int> TlsChannel::flush() {
  ByteBuffer& outgoing = records_->outgoing();
  if (!outgoing.empty()) {
    const auto taken = socket_->send(outgoing.view(), {});
    if (!taken) return tl::unexpected(taken.error());
    outgoing.consume(*taken);
    if (!outgoing.empty()) return {};
    outgoing.shrink(kKept);
  }
  if (std::exchange(shuts_output_, false)) socket_->shutdownOutput();
  return {};
}

void TlsChannel::flushAside() {
  // A broken connection shows in the next read or send.
  if (!flush() || records_->outgoing().empty()) return;
  socket_->awaitWritable(*this);
}

void TlsChannel::awaitWritable(ChannelUser& user) {
  user_ = &user;
  user_awaits_room_ = true;
  socket_->awaitWritable(*this);
}

void TlsChannel::onWritable() {
  flushAside();
  if (std::exchange(user_awaits_room_, false)) user_->onWritable();
}

void TlsChannel::sayGoodbye() {
  records_->sayGoodbye();
  flushAside();
}

void TlsChannel::shutdownOutput() {
  shuts_output_ = true;
  sayGoodbye();
}

}  // namespace wasabi::http
