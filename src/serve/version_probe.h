// Sends new versions the request of their manifest's check, through the gateway's inside entrance.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "deploy/deployer.h"
#include "http/client.h"
#include "http/event_loop.h"

namespace wasabi::serve {

// Thread-safe; works on `loop`, which outlives it.
class VersionProbe final : public deploy::Probe {
 public:
  // `inside`: path of the gateway's socket.
  VersionProbe(http::EventLoop& loop, std::string inside);
  ~VersionProbe() override;

  void check(const platform::VersionName& version, const catalog::Check& check,
             UniqueFunction<void(Result<void>)> done) override;
  // On the loop, at the end: checks that run fail.
  void stop();

 private:
  class Attempt;
  void forget(Attempt* attempt);

  http::EventLoop& loop_;
  const std::string inside_;
  http::Client client_;
  std::vector<std::unique_ptr<Attempt>> open_;
};

}  // namespace wasabi::serve
