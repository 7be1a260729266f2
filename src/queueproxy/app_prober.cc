#include "queueproxy/app_prober.h"

#include <string>
#include <utility>

#include "base/text.h"
#include "queueproxy/app_dialer.h"

namespace wasabi::queueproxy {
namespace {

using http::ClientFailure;
using http::ConnectFailure;
using http::Transport;

constexpr std::string_view kUserAgent = "kube-probe/";
constexpr std::size_t kMostGrpcAnswer = 1024;

http::ClientLimits probeLimits() {
  http::ClientLimits limits;
  limits.max_idle_per_origin = 0;
  limits.idle_timeout = std::chrono::seconds(1);
  return limits;
}

// grpc.health.v1.HealthCheckRequest{service} as a message of gRPC: not compressed, its size in four bytes.
std::string healthCheckMessage(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message += '\x0a';  // field 1, a string
    for (std::size_t size = service.size();; size >>= 7) {
      const bool last = size < 0x80;
      message += static_cast<char>((size & 0x7f) | (last ? 0 : 0x80));
      if (last) break;
    }
    message += service;
  }
  std::string framed(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) framed += static_cast<char>((message.size() >> shift) & 0xff);
  return framed + message;
}

// Whether it is HealthCheckResponse{status: SERVING}.
bool saysServing(std::string_view framed) {
  using namespace std::string_view_literals;
  return framed == "\0\0\0\0\x02\x08\x01"sv;
}

}  // namespace

// One try of one probe.
class AppProber::Try final : public http::ClientObserver {
 public:
  Try(AppProber& prober, const ReadinessProbe& probe, Duration timeout, UniqueFunction<void(bool)> done)
      : probe_(probe), done_(std::move(done)), timeout_(prober.loop_) {
    const TimePoint deadline = prober.loop_.now() + timeout;
    timeout_.arm(deadline, [this] { end(false); });
    // Whoever speaks TLS there is not asked: the certificate would be nobody's that this client believes.
    if (probe.kind == ReadinessProbe::Kind::kTcp || probe.https) {
      connect(*prober.connector_, deadline);
      return;
    }
    http::ClientRequest request;
    request.endpoint = {probe.host, probe.port};
    request.connect_timeout = request.first_byte_timeout = timeout;
    if (probe.kind == ReadinessProbe::Kind::kGrpc) {
      exchange_ = prober.client_.start(grpcRequest(std::move(request)), *this);
      exchange_->send(bytesOf(healthCheckMessage(probe.grpc_service)));
      exchange_->finishBody();
    } else {
      exchange_ = prober.client_.start(httpRequest(std::move(request)), *this);
    }
  }

 private:
  void connect(http::Connector& connector, TimePoint deadline) {
    http::Origin origin;
    origin.host = probe_.host;
    origin.port = probe_.port;
    origin.is_endpoint = true;
    attempt_ = connector.connect(
        origin, deadline,
        [this](const tl::expected<std::unique_ptr<Transport>, ConnectFailure>& outcome) { end(outcome.has_value()); });
  }

  http::ClientRequest httpRequest(http::ClientRequest request) const {
    request.method = "GET";
    request.target = probe_.path;
    request.authority = probe_.host + ":" + std::to_string(probe_.port);
    for (const auto& [name, value] : probe_.headers) request.headers.add(name, value);
    if (const auto host = request.headers.find("host")) request.authority = *host;
    if (!request.headers.find("user-agent")) request.headers.add("user-agent", kUserAgent);
    return request;
  }

  http::ClientRequest grpcRequest(http::ClientRequest request) const {
    request.method = "POST";
    request.target = "/grpc.health.v1.Health/Check";
    request.authority = probe_.host + ":" + std::to_string(probe_.port);
    request.version = http::Version::kHttp2;
    request.has_body = true;
    request.headers.add("content-type", "application/grpc");
    request.headers.add("user-agent", kUserAgent);
    return request;
  }

  void onHead(const http::ResponseHead& head) override {
    const bool fine = head.status >= 200 && head.status < 400;
    if (!fine || probe_.kind == ReadinessProbe::Kind::kHttpGet) end(fine);
  }
  void onBody(std::span<const std::byte> chunk) override {
    answer_ += textOf(chunk);
    if (answer_.size() > kMostGrpcAnswer) end(false);
  }
  void onWritable() override {}
  void onEnd(const http::Fields& trailers) override {
    end(saysServing(answer_) && trailers.find("grpc-status") == "0");
  }
  void onFailure(ClientFailure, http::RequestProgress, const std::string&) override { end(false); }

  // The last thing it does: whoever is told destroys it.
  void end(bool ready) {
    UniqueFunction<void(bool)> done = std::move(done_);
    done(ready);
  }

  const ReadinessProbe& probe_;
  UniqueFunction<void(bool)> done_;
  http::Timer timeout_;
  std::string answer_;
  std::unique_ptr<http::ClientExchange> exchange_;
  std::unique_ptr<http::ConnectAttempt> attempt_;
};

// The tries of one probe until it is known whether the app is ready.
class AppProber::Run {
 public:
  Run(AppProber& prober, const ReadinessProbe& probe)
      : prober_(prober),
        probe_(probe),
        give_up_(prober.loop_.now() + ReadinessProbe::kAggressivePatience),
        again_(prober.loop_) {}

  void tryNow() {
    const bool aggressive = probe_.isAggressive();
    const Duration timeout = aggressive ? ReadinessProbe::kAggressiveTimeout : probe_.timeout;
    const TimePoint next = prober_.loop_.now() + ReadinessProbe::kAggressiveInterval;
    try_ = std::make_unique<Try>(prober_, probe_, timeout, [this, aggressive, next](bool ready) {
      try_.reset();
      if (!aggressive) return prober_.runEnded(ready);
      tried(ready, next);
    });
  }

 private:
  void tried(bool ready, TimePoint next) {
    successes_ = ready ? successes_ + 1 : 0;
    if (successes_ >= probe_.success_threshold) return prober_.runEnded(true);
    if (prober_.loop_.now() >= give_up_) return prober_.runEnded(false);
    again_.arm(next, [this] { tryNow(); });
  }

  AppProber& prober_;
  const ReadinessProbe& probe_;
  const TimePoint give_up_;
  std::uint32_t successes_ = 0;
  http::Timer again_;
  std::unique_ptr<Try> try_;
};

AppProber::AppProber(http::EventLoop& loop, std::vector<ReadinessProbe> probes)
    : loop_(loop),
      probes_(std::move(probes)),
      client_(loop, probeLimits(), loopbackConnector(loop)),
      connector_(loopbackConnector(loop)),
      settle_(loop) {}

AppProber::~AppProber() = default;

void AppProber::ask(Done done) {
  asked_.push_back(std::move(done));
  if (asked_.size() > 1) return;
  all_ready_ = true;
  open_ = probes_.size();
  if (probes_.empty()) return settleSoon();
  for (const ReadinessProbe& probe : probes_) runs_.push_back(std::make_unique<Run>(*this, probe));
  // None of them ends inside of this: they all wait for a connection.
  for (const auto& run : runs_) run->tryNow();
}

void AppProber::runEnded(bool ready) {
  all_ready_ = all_ready_ && ready;
  if (--open_ > 0) return;
  settleSoon();
}

// Runs that have ended are on the stack still.
void AppProber::settleSoon() {
  settle_.arm(loop_.now(), [this] { settle(); });
}

void AppProber::settle() {
  runs_.clear();
  std::vector<Done> asked = std::exchange(asked_, {});
  for (Done& done : asked) done(all_ready_);
}

}  // namespace wasabi::queueproxy
