#include "cli/fake_api.h"

#include <gtest/gtest.h>

#include <utility>

#include "base/text.h"

namespace wasabi::cli {

class FakeApi::Exchange final : public http::StreamObserver {
 public:
  Exchange(FakeApi& api, http::ServerStream& stream) : api_(api), stream_(stream) {
    const http::RequestHead& head = stream.request();
    request_.line = std::string(head.method) + " " + std::string(head.target);
    request_.authorization = head.headers.find("authorization").value_or("");
    request_.type = head.headers.find("content-type").value_or("");
    stream.attach(*this);
    if (stream.requestComplete()) {
      answer();
    } else {
      stream.resumeReading();
    }
  }

 private:
  void onBody(std::span<const std::byte> chunk) override { request_.body += textOf(chunk); }
  void onBodyEnd(const http::Fields&) override { answer(); }
  void onWritable() override {}
  void onClosed(http::CloseReason) override { delete this; }

  void answer() {
    const Answer answer = api_.answerTo(request_);
    http::ResponseHead head;
    head.status = answer.status;
    stream_.sendHead(head, std::nullopt);
    stream_.send(bytesOf(answer.body));
    if (!answer.is_cut) return stream_.finish({});
    // What was sent goes out first.
    api_.loop_.defer([this] { stream_.abort(); });
  }

  FakeApi& api_;
  http::ServerStream& stream_;
  Request request_;
};

FakeApi::FakeApi(Script script) : script_(std::move(script)) {
  server_ = std::make_unique<http::Server>(loop_, http::ServerLimits{}, *this);
  auto listener = http::openListener({"unix:" + directory_.path("api.sock"), false});
  if (!listener) {
    ADD_FAILURE() << listener.error().message();
    return;
  }
  server_->listen(std::move(*listener));
  thread_ = std::thread([this] {
    while (!stops_) loop_.waitAndRun();
    server_.reset();
    loop_.runReady();
  });
}

FakeApi::~FakeApi() {
  stops_ = true;
  loop_.post([] {});
  if (thread_.joinable()) thread_.join();
}

void FakeApi::onRequest(http::ServerStream& stream) {
  new Exchange(*this, stream);
}

FakeApi::Answer FakeApi::answerTo(const Request& request) {
  const std::scoped_lock lock(mutex_);
  requests_.push_back(request);
  return script_(request);
}

std::unique_ptr<ApiClient> FakeApi::client() const {
  auto client = ApiClient::open({"unix:" + directory_.path("api.sock"), "wsb_test"});
  EXPECT_TRUE(client);
  return std::move(*client);
}

std::vector<FakeApi::Request> FakeApi::requests() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

}  // namespace wasabi::cli
