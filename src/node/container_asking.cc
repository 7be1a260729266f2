#include "node/container_asking.h"

#include <algorithm>
#include <utility>

#include "http/client.h"

namespace wasabi::node {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFirstWait = 2ms;  // what starts fast shall not wait for us
constexpr Duration kLongestWait = 100ms;
constexpr Duration kOneTry = 5s;
constexpr std::uint16_t kBad = 400;

class Asking final : private http::ClientObserver {
 public:
  Asking(http::EventLoop& loop, const ContainerSockets& sockets, std::string container,
         const catalog::ContainerSettings& settings, UniqueFunction<void()> ready)
      : loop_(loop),
        container_(std::move(container)),
        port_(settings.port),
        path_(settings.readiness.path),
        ready_(std::move(ready)),
        connector_(http::socketConnector(loop, sockets.factory())),
        client_(loop, {}, http::socketConnector(loop, sockets.factory())),
        timer_(loop) {
    ask();
  }

 private:
  void ask() {
    if (path_.empty()) return askByConnecting();
    http::ClientRequest request;
    request.method = "GET";
    request.authority = "localhost";
    request.target = path_;
    request.endpoint = {container_, port_};
    request.headers.add("user-agent", "wasabi-readiness");
    request.connect_timeout = kOneTry;
    request.first_byte_timeout = kOneTry;
    exchange_ = client_.start(request, *this);
  }
  void askByConnecting() {
    http::Origin origin;
    origin.host = container_;
    origin.port = port_;
    origin.is_endpoint = true;
    attempt_ =
        connector_->connect(origin, loop_.now() + kOneTry, [this](auto connected) { connected ? tell() : askAgain(); });
  }
  // The last thing: this may be gone then.
  void tell() {
    auto ready = std::move(ready_);
    ready();
  }
  void askAgain() {
    timer_.arm(loop_.now() + wait_, [this] { ask(); });
    wait_ = std::min(wait_ * 2, kLongestWait);
  }

  void onHead(const http::ResponseHead& head) override {
    if (head.status < kBad) return tell();
    askAgain();
  }
  void onBody(std::span<const std::byte>) override {}
  void onWritable() override {}
  void onEnd(const http::Fields&) override {}
  void onFailure(http::ClientFailure, http::RequestProgress, const std::string&) override {
    if (!timer_.armed()) askAgain();
  }

  http::EventLoop& loop_;
  const std::string container_;
  const std::uint16_t port_;
  const std::string path_;
  UniqueFunction<void()> ready_;
  std::unique_ptr<http::Connector> connector_;
  http::Client client_;
  std::unique_ptr<http::ConnectAttempt> attempt_;
  std::unique_ptr<http::ClientExchange> exchange_;
  http::Timer timer_;
  Duration wait_ = kFirstWait;
};

}  // namespace

AskUntilReady askContainers(http::EventLoop& loop, const ContainerSockets& sockets) {
  return [&loop, &sockets](const std::string& container, const catalog::ContainerSettings& settings,
                           UniqueFunction<void()> ready) -> std::shared_ptr<void> {
    return std::make_shared<Asking>(loop, sockets, container, settings, std::move(ready));
  };
}

}  // namespace wasabi::node
