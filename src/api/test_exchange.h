// One request to the API and what came back, without a network: a stream that holds who answers to what http/server.h
// asks of them. For tests and the fuzzer.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "http/event_loop.h"
#include "http/server.h"

namespace wasabi::api {

struct TestRequest {
  std::string method;
  std::string target;  // below /-/api/v1
  std::string token = {};
  std::string body = {};
  bool tells_length = true;        // Content-Length, or chunks
  std::size_t piece = 64 * 1024;   // of the body, as it comes
  std::string client = "1.2.3.4";  // as the gateway tells it
  std::string root = "/-/api/v1";
};

struct TestAnswer {
  std::uint16_t status = 0;  // 0: none
  http::Fields headers = {};
  std::string body = {};
  bool whole = false;  // else it was cut, or goes on

  std::string header(std::string_view name) const { return std::string(headers.find(name).value_or("")); }
};

class TestExchange final : public http::ServerStream {
 public:
  // Reads and sends nothing before begin(). The loop outlives this.
  TestExchange(http::EventLoop& loop, TestRequest request) : loop_(loop), body_(std::move(request.body)) {
    piece_ = std::max<std::size_t>(request.piece, 1);
    head_.method = std::move(request.method);
    head_.target = request.root + request.target;
    if (!request.token.empty()) head_.headers.add("authorization", "Bearer " + request.token);
    if (!request.client.empty()) head_.headers.add("wasabi-client", request.client);
    if (request.tells_length || body_.empty()) head_.content_length = body_.size();
  }
  ~TestExchange() override { close(http::CloseReason::kPeerGone); }
  TestExchange(const TestExchange&) = delete;
  TestExchange& operator=(const TestExchange&) = delete;

  // For what a request says besides.
  http::RequestHead& head() { return head_; }

  void begin(http::RequestHandler& handler) {
    complete_ = body_.empty();
    handler.onRequest(*this);
    WASABI_CHECK(observer_ != nullptr || finished_);
  }
  // Runs the loop until the answer is whole, or cut, or `stop` says so. False if that takes a minute.
  bool runUntilAnswered() {
    return runUntil([] { return false; });
  }
  template <typename Stop>
  bool runUntil(const Stop& stop) {
    const TimePoint give_up = Clock::now() + std::chrono::seconds(60);
    while (!finished_ && !aborted_ && !stop()) {
      if (Clock::now() > give_up) return false;
      if (deliver()) continue;
      if (loop_.runReady() == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    if (finished_) close(http::CloseReason::kFinished);
    if (aborted_) close(http::CloseReason::kAborted);
    return true;
  }
  // The client goes, whatever it was told.
  void leave() { close(http::CloseReason::kPeerGone); }

  const TestAnswer& answer() const { return answer_; }
  bool aborted() const { return aborted_; }
  bool readsBody() const { return reading_; }
  std::size_t bodyTaken() const { return taken_; }
  // A client that takes nothing more.
  void stopTaking() { takes_ = false; }

 private:
  const http::RequestHead& request() const override {
    WASABI_CHECK(!closed_);
    return head_;
  }
  bool requestComplete() const override { return complete_; }
  std::string peerAddress() const override { return "unix"; }
  void attach(http::StreamObserver& observer) override {
    WASABI_CHECK(observer_ == nullptr && !closed_);
    observer_ = &observer;
  }
  void resumeReading() override {
    WASABI_CHECK(!closed_);
    reading_ = true;
  }
  void pauseReading() override { reading_ = false; }
  void sendHead(const http::ResponseHead& head, std::optional<std::uint64_t> content_length) override {
    WASABI_CHECK(!closed_ && answer_.status == 0 && head.status >= 200 && head.status <= 999);
    for (const auto field : head.headers) WASABI_CHECK(http::isToken(field.name) && http::isFieldValue(field.value));
    answer_.status = head.status;
    answer_.headers = head.headers;
    length_ = content_length;
  }
  http::WriteRoom send(std::span<const std::byte> chunk) override {
    WASABI_CHECK(!closed_ && !finished_ && answer_.status != 0);
    answer_.body += textOf(chunk);
    if (!takes_) unsent_ += chunk.size();
    return http::WriteRoom::kFree;
  }
  void finish(const http::Fields&) override {
    WASABI_CHECK(!closed_ && !finished_ && answer_.status != 0);
    WASABI_CHECK(!length_ || *length_ == answer_.body.size());
    finished_ = true;
    answer_.whole = true;
  }
  void abort() override {
    WASABI_CHECK(!closed_);
    aborted_ = true;
  }
  void acceptUpgrade(std::string_view, const http::Fields&) override { WASABI_CHECK(false); }
  std::size_t unsentBytes() const override { return unsent_; }

  // One piece of the body, or its end. False if there is none to deliver now.
  bool deliver() {
    if (!reading_ || complete_ || closed_) return false;
    if (taken_ == body_.size()) {
      complete_ = true;
      observer_->onBodyEnd({});
      return true;
    }
    const std::string_view piece = std::string_view(body_).substr(taken_, piece_);
    taken_ += piece.size();
    observer_->onBody(bytesOf(piece));
    return true;
  }
  void close(http::CloseReason reason) {
    if (std::exchange(closed_, true)) return;
    if (observer_ != nullptr) observer_->onClosed(reason);
    while (loop_.runReady() > 0) continue;
  }

  http::EventLoop& loop_;
  http::RequestHead head_;
  const std::string body_;
  std::size_t piece_ = 1;
  std::size_t taken_ = 0;
  std::size_t unsent_ = 0;
  http::StreamObserver* observer_ = nullptr;
  TestAnswer answer_;
  std::optional<std::uint64_t> length_;
  bool complete_ = false;
  bool reading_ = false;
  bool finished_ = false;
  bool aborted_ = false;
  bool closed_ = false;
  bool takes_ = true;
};

}  // namespace wasabi::api
