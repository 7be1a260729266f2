// A superpod as the gateway sees one, for tests: what it does with a request is up to the test.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/event_loop.h"
#include "http/server.h"

namespace wasabi::node {

inline std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline void answer(http::ServerStream& stream, std::uint16_t status, std::string_view body,
                   std::vector<std::pair<std::string, std::string>> headers = {}) {
  http::ResponseHead head;
  head.status = status;
  for (const auto& [name, value] : headers) head.headers.add(name, value);
  stream.sendHead(head, body.size());
  stream.send(bytes(body));
  stream.finish({});
}

class FakeBox : public http::RequestHandler {
 public:
  struct Seen : http::StreamObserver {
    explicit Seen(http::ServerStream& its_stream, FakeBox& its_box) : stream(&its_stream), box(its_box) {}
    void onBody(std::span<const std::byte> chunk) override {
      body.append(reinterpret_cast<const char*>(chunk.data()), chunk.size());
      if (box.on_body) box.on_body(*this, chunk);
    }
    void onBodyEnd(const http::Fields&) override {
      if (box.on_whole) box.on_whole(*this);
    }
    void onWritable() override {
      if (box.on_writable) box.on_writable(*this);
    }
    void onClosed(http::CloseReason reason) override {
      stream = nullptr;
      closed = reason;
    }
    http::ServerStream* stream;
    FakeBox& box;
    std::string body;
    std::optional<http::CloseReason> closed;
  };

  // `where`: the path of a unix socket, or "host:port".
  FakeBox(http::EventLoop& loop, const std::string& where)
      : loop_(loop), where_(where.starts_with('/') ? "unix:" + where : where) {
    start();
  }
  void start() {
    server_.emplace(loop_, http::ServerLimits{}, *this);
    auto listener = http::openListener({where_, false});
    EXPECT_TRUE(listener) << listener.error().message();
    address = http::listenerAddress(*listener);
    server_->listen(std::move(*listener));
  }
  // As kill -9 ends one.
  void die() { server_.reset(); }

  std::string address;                    // with the port that the kernel chose
  std::function<void(Seen&)> on_request;  // whose body has not come
  std::function<void(Seen&, std::span<const std::byte>)> on_body;
  std::function<void(Seen&)> on_whole;
  std::function<void(Seen&)> on_writable;
  std::vector<std::unique_ptr<Seen>> seen;

 private:
  bool takesUpgrades() const override { return true; }
  void onRequest(http::ServerStream& stream) override {
    seen.push_back(std::make_unique<Seen>(stream, *this));
    stream.attach(*seen.back());
    if (on_request) return on_request(*seen.back());
    stream.resumeReading();
    if (stream.requestComplete() && on_whole) on_whole(*seen.back());
  }

  http::EventLoop& loop_;
  const std::string where_;
  std::optional<http::Server> server_;
};

}  // namespace wasabi::node
