// A queue-proxy that runs: its listeners, its event loop, and its end.
//
// One event loop on one thread serves everything: a queue-proxy usually has a fraction of a core, and its breaker,
// statistics and drain are one for the pod. (docs/queue-proxy.md has what that carries.)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/unique_function.h"
#include "queueproxy/config.h"

namespace wasabi::queueproxy {

struct ListeningAt {
  std::string what;  // "data", "data-tls", "admin", "user-metrics", "autoscaler"
  std::string address;
};

class QueueProxy {
 public:
  // Serves from here on. `on_done` is called on the loop's thread once a drain is over. The log outlives it.
  static Result<std::unique_ptr<QueueProxy>> start(QueueProxyConfig config, Logger& log,
                                                   UniqueFunction<void()> on_done);
  // Cuts what is open still.
  ~QueueProxy();
  QueueProxy(const QueueProxy&) = delete;
  QueueProxy& operator=(const QueueProxy&) = delete;

  const std::vector<ListeningAt>& addresses() const;
  // From any thread: begins the drain of a pod that is to end.
  void terminate();

 private:
  struct Impl;
  explicit QueueProxy(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::queueproxy
