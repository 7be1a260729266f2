// Whether the app is ready, by the probe of its revision: HTTP, TCP or gRPC.
//
// Lives on its loop. Whoever asks while a probe runs shares it, so that a crowd of probing activators is one probe to
// the app.
#pragma once

#include <memory>
#include <vector>

#include "base/unique_function.h"
#include "base/units.h"
#include "http/client.h"
#include "http/event_loop.h"
#include "queueproxy/readiness_probe.h"

namespace wasabi::queueproxy {

class AppProber {
 public:
  // The app is ready when all probes succeed; without any it always is.
  AppProber(http::EventLoop& loop, std::vector<ReadinessProbe> probes);
  ~AppProber();
  AppProber(const AppProber&) = delete;
  AppProber& operator=(const AppProber&) = delete;

  // `done` is called once, from the loop, unless the prober is destroyed before.
  using Done = UniqueFunction<void(bool ready)>;
  void ask(Done done);

 private:
  class Try;
  class Run;
  void runEnded(bool ready);
  void settleSoon();
  void settle();

  http::EventLoop& loop_;
  const std::vector<ReadinessProbe> probes_;
  http::Client client_;  // for probes alone: it keeps no connection
  const std::unique_ptr<http::Connector> connector_;
  std::vector<Done> asked_;
  std::vector<std::unique_ptr<Run>> runs_;  // one for each probe while they run
  std::size_t open_ = 0;
  bool all_ready_ = true;
  http::Timer settle_;
};

}  // namespace wasabi::queueproxy
