// Brings spans to a collector, by OTLP over HTTP (protobuf). Nobody waits for it: what does not fit is dropped and
// counted.
//
// Lives on its loop; names are resolved on a thread of its own.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "base/unique_function.h"
#include "base/units.h"
#include "http/asker.h"
#include "http/client.h"
#include "http/event_loop.h"
#include "queueproxy/config.h"
#include "queueproxy/otlp_encoding.h"

namespace wasabi::queueproxy {

// "http://collector:4318/v1/traces"; without a path the usual one.
struct CollectorPlace {
  bool tls = false;
  std::string authority;
  std::string path;
};
Result<CollectorPlace> parseCollectorPlace(std::string_view endpoint);

class SpanExporter {
 public:
  static constexpr Duration kPeriod = std::chrono::seconds(5);  // or as soon as a batch is full
  static constexpr Duration kPatience = std::chrono::seconds(10);
  static constexpr Duration kLastPatience = std::chrono::seconds(2);

  // `revision` and `log` outlive it.
  static Result<std::unique_ptr<SpanExporter>> open(http::EventLoop& loop, const std::string& endpoint,
                                                    const RevisionIdentity& revision, Logger& log);

  void add(Span span);
  // Sends what is left and calls `done`, at the latest after kLastPatience.
  void finish(UniqueFunction<void()> done);

 private:
  SpanExporter(http::EventLoop& loop, CollectorPlace place, http::DirectServices services,
               const RevisionIdentity& revision, Logger& log);
  void wait();
  void send();
  void sent(const Result<http::Asker::Answer>& answer, std::size_t count);
  void endIfDone();

  http::EventLoop& loop_;
  const CollectorPlace place_;
  const RevisionIdentity& revision_;
  Logger& log_;
  http::Client client_;
  http::Asker asker_;
  SpanBuffer buffer_;
  bool complained_ = false;
  UniqueFunction<void()> done_;
  http::Timer timer_;
  http::Timer last_patience_;
};

}  // namespace wasabi::queueproxy
