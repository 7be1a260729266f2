// The certificates that a server shows, and their renewal while it runs.
//
// A client that names a host (SNI) is shown the certificate for that name, exactly or by a wildcard of one label; one
// that names none, or one that is not known, is shown the first. TLS 1.2 and 1.3, with forward secrecy and
// authenticated encryption only; sessions are resumed by tickets whose keys are made anew with each renewal.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"

namespace wasabi::http {

class CertificateTable;

// Two PEM files, or twice the same one. The names it is for are those of the certificate (subject alternative names).
struct TlsIdentity {
  std::string certificate_file;  // the server's certificate, then the intermediate ones
  std::string key_file;          // not encrypted
};

// What is offered of TLS, where not the usual: forward secrecy and authenticated encryption it is in any case.
struct TlsTerms {
  enum class Version : std::uint8_t { k12, k13 };
  Version least = Version::k12;
  Version most = Version::k13;
  // Of TLS 1.2, with colons between, as OpenSSL names them; empty: all that are safe.
  std::string cipher_suites{};
  std::string groups{};  // of the key exchange, likewise
};

// Thread-safe: one for the servers of all loops.
class ServerTls {
 public:
  // The first identity is the default; at least one. Where a name is in several, the first of them is shown. Refuses
  // what cannot be read, does not belong together or is not valid today; the error names the file and the mend.
  static Result<std::shared_ptr<ServerTls>> load(std::vector<TlsIdentity> identities, TlsTerms terms = {});
  ~ServerTls();
  ServerTls(const ServerTls&) = delete;
  ServerTls& operator=(const ServerTls&) = delete;

  struct Reload {
    std::size_t replaced = 0;    // identities whose files hold something else than before
    std::vector<Error> refused;  // identities whose files are of no use: what was loaded before stays in force
  };
  // Reads all files again: some KiB each, on the caller's thread, in its rights. To be called on a timer or when a
  // watch tells of a change; what is refused is so in every call until it is mended. New handshakes are shown the new
  // certificates, open connections are untouched.
  Reload reload();

  // When the first of the certificates in force will have ended.
  std::chrono::system_clock::time_point soonestExpiry() const;

  // For the .cc files of this folder.
  std::shared_ptr<const CertificateTable> current() const;

 private:
  ServerTls(std::vector<TlsIdentity> identities, TlsTerms terms, std::shared_ptr<const CertificateTable> table);
  void replace(std::shared_ptr<const CertificateTable> table);

  const std::vector<TlsIdentity> identities_;
  const TlsTerms terms_;
  std::mutex reloading_;      // one reload at a time
  mutable std::mutex mutex_;  // guards table_
  std::shared_ptr<const CertificateTable> table_;
};

}  // namespace wasabi::http
