// wasabi-queue-proxy: stands before the app of a Knative pod; configured by the pod's environment
// (docs/queue-proxy.md).

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/signals.h"
#include "queueproxy/config.h"
#include "queueproxy/queue_proxy.h"

namespace {

using namespace wasabi;

std::optional<std::string> variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

// Nothing where there is no such file: the pod has no podinfo volume.
std::optional<std::string> textOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Each request may take two descriptors, and what a container is given at first is few.
void useAllDescriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int cannotStart(Logger& log, const std::string& reason) {
  log.error("cannot start", {{"reason", reason}});
  return 1;
}

int serve(queueproxy::QueueProxyConfig config, Logger& log) {
  const Signals signals(Signals::Reload::kIgnoredByDefault);
  if (!signals.valid()) return cannotStart(log, "no file descriptor is left to wait for signals");
  std::atomic<bool> done = false;
  auto proxy = queueproxy::QueueProxy::start(std::move(config), log, [&] {
    done = true;
    signals.askToEnd();
  });
  if (!proxy) return cannotStart(log, proxy.error().message());
  for (const queueproxy::ListeningAt& one : (*proxy)->addresses()) {
    log.info("listening", {{"for", one.what}, {"address", one.address}});
  }
  signals.wait();
  (*proxy)->terminate();
  // Until the drain is over; a second signal cuts it short.
  signals.wait();
  if (!done) log.warn("ended before the drain was over: a second signal came");
  proxy->reset();
  log.info("stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Knative's queue-proxy, by Wasabi: probes, counts and limits the requests of one pod. It is configured by the "
      "environment that Knative gives to the container; docs/queue-proxy.md lists all variables.",
      "wasabi-queue-proxy");
  app.set_version_flag("--version", WASABI_VERSION);
  CLI11_PARSE(app, argc, argv);

  useAllDescriptors();
  const auto annotations = textOf(queueproxy::annotationsFile(variable));
  auto config = queueproxy::readConfig(variable, annotations);
  Logger log(Logger::standardError(), config ? config->log_level : LogLevel::kInfo);
  if (!config) return cannotStart(log, config.error().message());
  for (const std::string& warning : config->warnings) log.warn("configuration", {{"reason", warning}});
  return serve(std::move(*config), log);
}
