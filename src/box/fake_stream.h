// A stream that remembers what was answered. For tests.
#pragma once

#include <optional>
#include <string>

#include "base/text.h"
#include "http/server.h"

namespace wasabi::box {

class FakeStream final : public http::ServerStream {
 public:
  http::RequestHead head;
  bool complete = true;
  http::StreamObserver* observer = nullptr;
  bool reading = false;
  http::WriteRoom room = http::WriteRoom::kFree;

  std::optional<http::ResponseHead> response;
  std::optional<std::uint64_t> length;
  std::string body;
  bool finished = false;
  bool aborted = false;

  const http::RequestHead& request() const override { return head; }
  bool requestComplete() const override { return complete; }
  std::string peerAddress() const override { return "192.0.2.1:4711"; }
  void attach(http::StreamObserver& attached) override { observer = &attached; }
  void resumeReading() override { reading = true; }
  void pauseReading() override { reading = false; }
  void sendHead(const http::ResponseHead& sent, std::optional<std::uint64_t> content_length) override {
    response = sent;
    length = content_length;
  }
  void acceptUpgrade(std::string_view, const http::Fields&) override {}
  http::WriteRoom send(std::span<const std::byte> chunk) override {
    body.append(textOf(chunk));
    return room;
  }
  void finish(const http::Fields&) override { finished = true; }
  void abort() override { aborted = true; }
  std::size_t unsentBytes() const override { return 0; }
};

}  // namespace wasabi::box
