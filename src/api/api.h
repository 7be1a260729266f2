// The management API, /-/api/v1 (docs/api.md): who calls is told by a token, what is answered by the platform, and what
// runs by the machine.
//
// Lives on one loop, as its server does. Calls block that loop for as long as a sync of the disk takes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/machine.h"
#include "base/log.h"
#include "base/work_thread.h"
#include "deploy/deployer.h"
#include "http/event_loop.h"
#include "http/server.h"
#include "platform/platform.h"
#include "policy/request_rate.h"

namespace wasabi::api {

struct ApiLimits {
  std::size_t body_bytes = 1 << 20;        // of JSON, manifests included: 413
  std::size_t secret_bytes = 64 << 10;     // 413
  std::uint64_t module_bytes = 128 << 20;  // 413
  std::uint64_t files_bytes = 512 << 20;   // of an archive: 413
  std::uint64_t image_bytes = 8ull << 30;  // likewise
  double calls_per_second = 100;           // of one token: 429
  double refused_tokens_per_second = 5;    // of one client: 429
  double refused_lines_of_client = 0.2;    // a second, in refused.log
  double refused_lines = 5;                // a second, of all clients
  std::size_t most_clients = 10'000;       // that are counted; beyond it the counts begin anew
  Duration longest_wait = std::chrono::seconds(60);
  std::size_t followed_bytes = 1 << 20;  // of a log, that a client has not taken: its stream ends
};

struct ApiServices {
  http::EventLoop& loop;
  platform::Platform& platform;
  deploy::Deployer& deployer;
  Machine& machine;
  Logger& log;
  std::function<std::int64_t()> unix_ms;
};

class Call;

class Api final : public http::RequestHandler {
 public:
  // All services outlive this.
  Api(ApiServices services, const ApiLimits& limits);
  ~Api() override;

  // Some record has changed: those that wait for a version look again.
  void recordsChanged();

  // For the .cc files of this layer.
  const ApiServices& services() const { return services_; }
  const ApiLimits& limits() const { return limits_; }
  // For what takes longer than a sync of the disk.
  WorkThread& longWork() { return long_work_; }
  void lookAgainOnChange(std::weak_ptr<Call> call);
  // Those that have gone may be among them.
  std::size_t waitingCalls() const { return waiting_.size(); }

 private:
  void onRequest(http::ServerStream& stream) override;
  bool tooMany(std::unordered_map<std::string, policy::RequestRate>& rates, const std::string& who, double per_second,
               bool count);
  void refuseCaller(http::ServerStream& stream, const std::string& client, std::uint16_t status,
                    const std::string& detail);
  void writeDown(const http::RequestHead& request, const std::string& client, std::uint16_t status,
                 std::string_view detail);

  const ApiServices services_;
  const ApiLimits limits_;
  std::unordered_map<std::string, policy::RequestRate> calls_;    // by token
  std::unordered_map<std::string, policy::RequestRate> refused_;  // by client
  std::unordered_map<std::string, policy::RequestRate> lines_;    // of those in the log, by client
  policy::RequestRate lines_of_all_;
  std::uint64_t left_out_ = 0;  // refused calls without a line, since the last line
  std::vector<std::weak_ptr<Call>> waiting_;
  WorkThread long_work_;
};

}  // namespace wasabi::api
