#include "http/tls_records.h"

#include <openssl/err.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace wasabi::http {

namespace {

ByteBuffer& bufferOf(BIO* bio) {
  return *static_cast<ByteBuffer*>(BIO_get_data(bio));
}

int readBuffer(BIO* bio, char* memory, std::size_t size, std::size_t* taken) {
  ByteBuffer& buffer = bufferOf(bio);
  BIO_clear_retry_flags(bio);
  *taken = std::min(size, buffer.size());
  if (*taken == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::copy_n(buffer.view().data(), *taken, memory);
  buffer.consume(*taken);
  return 1;
}

int writeBuffer(BIO* bio, const char* data, std::size_t size, std::size_t* taken) {
  bufferOf(bio).append({data, size});
  *taken = size;
  return 1;
}

long control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

// A BIO on a ByteBuffer, which outlives it.
SslBio bioOn(ByteBuffer& buffer) {
  static const SslBioMethod method = [] {
    SslBioMethod made(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "byte buffer"));
    WASABI_CHECK(made && BIO_meth_set_read_ex(made.get(), readBuffer) == 1 &&
                 BIO_meth_set_write_ex(made.get(), writeBuffer) == 1 && BIO_meth_set_ctrl(made.get(), control) == 1 &&
                 BIO_meth_set_create(made.get(), create) == 1);
    return made;
  }();
  SslBio bio(BIO_new(method.get()));
  WASABI_CHECK(bio != nullptr);
  BIO_set_data(bio.get(), &buffer);
  return bio;
}

}  // namespace

std::string takeSslError() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

TlsRecords::TlsRecords(SslHandle session, std::uint64_t& held)
    : arrived_(held), outgoing_(held), session_(std::move(session)) {
  SSL_set_bio(session_.get(), bioOn(arrived_).release(), bioOn(outgoing_).release());
}

TlsRecords::Handshake TlsRecords::shakeHands() {
  ERR_clear_error();
  const int result = SSL_do_handshake(session_.get());
  if (result == 1) return Handshake::kDone;
  if (SSL_get_error(session_.get(), result) == SSL_ERROR_WANT_READ) return Handshake::kWantInput;
  failed_ = true;
  return Handshake::kFailed;
}

std::string_view TlsRecords::chosenProtocol() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(session_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

TlsRecords::Decrypted TlsRecords::decrypt(std::span<char> memory) {
  Decrypted result;
  while (result.bytes < memory.size() && !failed_) {
    ERR_clear_error();
    std::size_t got = 0;
    const int success = SSL_read_ex(session_.get(), memory.data() + result.bytes, memory.size() - result.bytes, &got);
    result.bytes += got;
    if (success == 1) continue;
    const int error = SSL_get_error(session_.get(), success);
    if (error == SSL_ERROR_WANT_READ) return result;
    if (error == SSL_ERROR_ZERO_RETURN) {
      result.status = Decrypted::Status::kEnd;
      return result;
    }
    failed_ = true;
  }
  if (failed_) result.status = Decrypted::Status::kFailed;
  return result;
}

bool TlsRecords::holdsInput() const {
  return !arrived_.empty() || SSL_has_pending(session_.get()) == 1;
}

bool TlsRecords::encrypt(std::string_view text) {
  WASABI_CHECK(text.size() <= kMaxRecord);
  if (failed_) return false;
  ERR_clear_error();
  std::size_t written = 0;
  failed_ = SSL_write_ex(session_.get(), text.data(), text.size(), &written) != 1;
  return !failed_;
}

void TlsRecords::sayGoodbye() {
  if (failed_ || std::exchange(said_goodbye_, true)) return;
  ERR_clear_error();
  SSL_shutdown(session_.get());
}

}  // namespace wasabi::http
