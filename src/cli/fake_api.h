// A server on a socket of its own that answers as it is told, on a thread of its own. For tests.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "catalog/test_directory.h"
#include "cli/api_client.h"
#include "http/event_loop.h"
#include "http/server.h"

namespace wasabi::cli {

class FakeApi final : public http::RequestHandler {
 public:
  struct Request {
    std::string line;  // "GET /-/api/v1/functions"
    std::string authorization;
    std::string type;
    std::string body;
  };
  struct Answer {
    std::uint16_t status = 200;
    std::string body;
    bool is_cut = false;  // the connection ends in the midst of it
  };
  using Script = std::function<Answer(const Request&)>;

  explicit FakeApi(Script script);
  ~FakeApi() override;

  std::unique_ptr<ApiClient> client() const;
  std::vector<Request> requests() const;

 private:
  class Exchange;
  void onRequest(http::ServerStream& stream) override;
  Answer answerTo(const Request& request);

  const Script script_;
  const catalog::TestDirectory directory_;
  http::EventLoop loop_;
  std::unique_ptr<http::Server> server_;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::atomic<bool> stops_{false};
  std::thread thread_;
};

}  // namespace wasabi::cli
