// A TestServer that listens with TLS, and its certificates. For tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "http/server.h"
#include "http/test_certificates.h"
#include "http/tls_test_client.h"

namespace wasabi::http {

// What clients send.
inline const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
inline const std::string kLastGet = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

class TlsServerTest : public testing::Test {
 protected:
  TestServer& start(const ServerLimits& limits = {}, TestServer::Script script = {}, int send_buffer = 0) {
    tls_ = *ServerTls::load({identity_, other_});
    server_ = std::make_unique<TestServer>(limits, std::move(script));
    server_->listenWithTls(tls_, send_buffer);
    return *server_;
  }
  const ServerCounters& counters() const { return server_->server->counters(); }

  TestCertificates certificates_;
  const TlsIdentity identity_ = certificates_.make("default", {"h", "localhost"});
  const TlsIdentity other_ = certificates_.make("other", {"*.other.test"});
  std::shared_ptr<ServerTls> tls_;
  std::unique_ptr<TestServer> server_;
};

}  // namespace wasabi::http
