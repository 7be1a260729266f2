// An HTTP/2 client over a RawClient, for tests: nghttp2 speaks, the test says what.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/server_test_support.h"

namespace wasabi::http {

class H2TestClient {
 public:
  using FieldList = std::vector<std::pair<std::string, std::string>>;

  struct Exchange {
    std::string head;  // ":status=200;name=value;..." without the date
    std::string body;
    std::string trailers;
    std::vector<std::string> interim;     // status of 1xx responses
    bool ended = false;                   // END_STREAM came
    std::optional<std::uint32_t> closed;  // error code
    // What is to be sent.
    std::string request_body;
    bool request_body_over = true;
    FieldList request_trailers;
  };

  explicit H2TestClient(TestServer& server, std::uint32_t stream_window = 65'535)
      : H2TestClient(server, std::make_unique<RawClient>(server), stream_window) {}
  H2TestClient(TestServer& server, std::unique_ptr<RawClient> connected, std::uint32_t stream_window = 65'535);
  ~H2TestClient();
  H2TestClient(const H2TestClient&) = delete;
  H2TestClient& operator=(const H2TestClient&) = delete;

  // GET / of host h with the given fields added or, for pseudo-fields, replaced.
  std::int32_t request(const FieldList& fields = {}, std::optional<std::string> body = {}, bool body_over = true,
                       const FieldList& trailers = {});
  void continueBody(std::int32_t id, std::string_view more, bool over);
  void reset(std::int32_t id, std::uint32_t error_code = NGHTTP2_CANCEL);
  void ping();

  // Runs client and server until the stream is closed, or the condition holds.
  bool finish(std::int32_t id);
  bool runUntil(const std::function<bool()>& condition);
  void exchangeBytes();
  Exchange& operator[](std::int32_t id) { return exchanges_[id]; }

  const std::unique_ptr<RawClient> connection;
  RawClient& raw = *connection;
  std::optional<std::uint32_t> goaway;  // error code
  std::map<std::uint16_t, std::uint32_t> settings;

 private:
  struct Callbacks;
  nghttp2_session* session_ = nullptr;
  TestServer& server_;
  std::map<std::int32_t, Exchange> exchanges_;
};

}  // namespace wasabi::http
