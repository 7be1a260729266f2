// What a request costs the thread of its client: over a unix socket, to a server of this process on a thread of its
// own. The column CPU is the client's thread alone. By hand: build the target client_bench.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "http/client.h"
#include "http/server.h"

namespace wasabi::http {
namespace {

constexpr std::size_t kInFlight = 32;

// Answers by 14 bytes once it has read the body.
class Answer : public RequestHandler {
 public:
  void onRequest(ServerStream& stream) override {
    if (stream.requestComplete()) {
      answer(stream);
      stream.attach(ignored_);
    } else {
      (new AfterBody(stream))->begin();
    }
  }

 private:
  class Ignored : public StreamObserver {
    void onBody(std::span<const std::byte>) override {}
    void onBodyEnd(const Fields&) override {}
    void onWritable() override {}
    void onClosed(CloseReason) override {}
  };
  class AfterBody : public StreamObserver {
   public:
    explicit AfterBody(ServerStream& stream) : stream_(stream) {}
    void begin() {
      stream_.attach(*this);
      stream_.resumeReading();
    }

   private:
    void onBody(std::span<const std::byte>) override {}
    void onBodyEnd(const Fields&) override { answer(stream_); }
    void onWritable() override {}
    void onClosed(CloseReason) override { delete this; }
    ServerStream& stream_;
  };

  static void answer(ServerStream& stream) {
    ResponseHead head;
    head.headers.add("content-type", "text/plain");
    head.headers.add("wasabi-outcome", "ok");
    stream.sendHead(head, 14);
    stream.send(bytesOf("Hello, world!\n"));
    stream.finish({});
  }

  Ignored ignored_;
};

class BenchServer {
 public:
  BenchServer() : path_("/tmp/client_bench." + std::to_string(getpid())) {
    auto listener = openListener({.text = "unix:" + path_});
    WASABI_CHECK(listener.has_value());
    thread_ = std::thread([this, listener = std::move(*listener)]() mutable {
      Answer answer;
      Server server(loop_, {.max_requests_per_connection = SIZE_MAX}, answer);
      server.listen(std::move(listener));
      while (!stop_) loop_.waitAndRun();
    });
  }
  ~BenchServer() {
    stop_ = true;
    loop_.post([] {});
    thread_.join();
    ::unlink(path_.c_str());
  }
  BenchServer(const BenchServer&) = delete;
  BenchServer& operator=(const BenchServer&) = delete;

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  EventLoop loop_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// What the callers share.
struct Load {
  bool another() {
    over = over || !state.KeepRunning();
    return !over;
  }
  benchmark::State& state;
  std::size_t running = kInFlight;
  bool over = false;
};

// Sends one request after the other, as long as there are any to be sent.
class Caller : public ClientObserver {
 public:
  Caller(Client& client, const ClientRequest& request, const std::string& body, Load& load)
      : client_(client), request_(request), body_(body), load_(load) {}

  void next() {
    exchange_.reset();
    if (!load_.another()) {
      --load_.running;
      return;
    }
    exchange_ = client_.start(request_, *this);
    if (body_.empty()) return;
    exchange_->send(bytesOf(body_));
    exchange_->finishBody();
  }

 private:
  void onHead(const ResponseHead& head) override { WASABI_CHECK(head.status == 200); }
  void onBody(std::span<const std::byte> chunk) override { benchmark::DoNotOptimize(chunk.data()); }
  void onWritable() override {}
  void onEnd(const Fields&) override { next(); }
  void onFailure(ClientFailure, RequestProgress, const std::string& message) override { WASABI_CHECK(message.empty()); }

  Client& client_;
  const ClientRequest& request_;
  const std::string& body_;
  Load& load_;
  std::unique_ptr<ClientExchange> exchange_;
};

void run(benchmark::State& state, Version version, const std::string& body) {
  BenchServer server;
  ClientRequest request;
  request.method = body.empty() ? "GET" : "POST";
  request.version = version;
  request.authority = "hello.example.com";
  request.target = "/acme/hello?name=world";
  request.endpoint.name = server.path();
  request.has_body = !body.empty();
  for (const auto& [name, value] : {std::pair{"user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"},
                                    {"accept", "text/html,application/xhtml+xml,application/xml;q=0.9"},
                                    {"accept-encoding", "gzip, deflate, br"},
                                    {"x-forwarded-for", "203.0.113.7"},
                                    {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
                                    {"wasabi-route", "acme/hello@3;prefix=11"}}) {
    request.headers.add(name, value);
  }
  EventLoop loop;
  Client client(loop, {.max_idle_per_origin = kInFlight}, unixConnector(loop));
  Load load{state};
  std::vector<std::unique_ptr<Caller>> callers;
  for (std::size_t i = 0; i < kInFlight; ++i) {
    callers.push_back(std::make_unique<Caller>(client, request, body, load));
    callers.back()->next();
  }
  while (load.running > 0) loop.waitAndRun();
}

// With a body of so many bytes, or none.
void overHttp1(benchmark::State& state) {
  run(state, Version::kHttp11, std::string(static_cast<std::size_t>(state.range(0)), 'x'));
}
BENCHMARK(overHttp1)->Arg(0)->Arg(100)->Arg(16 * 1024);

void overHttp2(benchmark::State& state) {
  run(state, Version::kHttp2, std::string(static_cast<std::size_t>(state.range(0)), 'x'));
}
BENCHMARK(overHttp2)->Arg(0)->Arg(100)->Arg(16 * 1024);

}  // namespace
}  // namespace wasabi::http
