// Certificates made on the spot, in a directory of their own. For tests.
#pragma once

#include <string>
#include <vector>

#include "http/server_tls.h"

namespace wasabi::http {

class TestCertificates {
 public:
  TestCertificates();
  ~TestCertificates();
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  struct Options {
    std::vector<std::string> hosts;  // DNS subject alternative names
    long begins_after = -3600;       // seconds from now
    long ends_after = 3600;
    bool encrypted_key = false;
    bool with_issuer = false;  // signed by an authority whose certificate follows in the file
  };
  // Writes <name>.crt and <name>.key, self-signed with the subject `name`, over those that are there.
  TlsIdentity make(const std::string& name, const Options& options);
  TlsIdentity make(const std::string& name, std::vector<std::string> hosts = {}) {
    return make(name, Options{.hosts = std::move(hosts)});
  }
  // Makes `to`'s files hold what those of `from` do.
  static void copy(const TlsIdentity& from, const TlsIdentity& to);
  static void write(const std::string& path, const std::string& text);

  const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
};

}  // namespace wasabi::http
