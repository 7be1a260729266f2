// What the engine's tests and benchmark share: guests compiled for this engine, a host that records, a waker.
#pragma once

#include <fcntl.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "engine/engine.h"
#include "engine/invocation.h"
#include "engine/program.h"

namespace wasabi::engine::test {

inline std::shared_ptr<const Program> loadGuest(const Engine& engine, const std::string& name) {
  const std::string path = std::string(WASABI_COMPILED_GUESTS) + "/" + name + ".cwasm";
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  WASABI_CHECK(file.valid());
  auto program = Program::load(engine, file);
  WASABI_CHECK(program.has_value());
  return *std::move(program);
}

inline std::span<const std::byte> bytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Remembers whom it was told to poll.
class Wakes : public WakeSink {
 public:
  void wake(std::uint64_t token) noexcept override {
    {
      const std::lock_guard lock(mutex_);
      ++count_;
      last_token_ = token;
    }
    changed_.notify_all();
  }

  // False if no wake beyond the first `seen` ones comes in time.
  bool waitBeyond(int seen, Duration timeout) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [&] { return count_ > seen; });
  }

  int count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

  std::uint64_t lastToken() {
    const std::lock_guard lock(mutex_);
    return last_token_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  std::uint64_t last_token_ = 0;
};

// Takes all it is given, as far as its room goes, and answers as it is told.
class RecordingHost : public InvocationHost {
 public:
  std::size_t outputRoom(Output) override { return room; }
  void output(Output stream, std::span<const std::byte> data) override {
    outputs[stream].append(reinterpret_cast<const char*>(data.data()), data.size());
    if (stream != Output::kResponseBody) WASABI_CHECK(data.size() <= room);
    if (room != kUnbounded) room -= std::min(room, data.size());
  }
  void inputConsumed(std::size_t size) override { consumed += size; }
  void responseHead(std::uint16_t status_code, std::span<const FieldView> headers) override {
    status = status_code;
    for (const FieldView& field : headers) response_headers[std::string(field.name)] = field.value;
  }
  void responseEnd(std::span<const FieldView>) override { response_ended = true; }
  Growth memoryGrowth(ByteSize, ByteSize wanted) override {
    ++growth_questions;
    return wanted <= grant_up_to ? Growth::kGrant : beyond;
  }
  OutboundFailure outboundStart(std::uint64_t id, const OutboundRequest& request) override {
    outbound_id = id;
    outbound_target = std::string(request.method) + " " + (request.tls ? "https" : "http") + "://" +
                      std::string(request.authority) + std::string(request.path);
    return outbound_answer;
  }
  std::size_t outboundRoom(std::uint64_t) override { return kUnbounded; }
  void outboundBody(std::uint64_t, std::span<const std::byte> data) override {
    outbound_body.append(reinterpret_cast<const char*>(data.data()), data.size());
  }
  void outboundBodyEnd(std::uint64_t, bool complete) override { outbound_body_complete = complete; }
  void outboundConsumed(std::uint64_t, std::size_t size) override { outbound_consumed += size; }
  void outboundCancel(std::uint64_t id) override { outbound_cancelled = id; }

  static constexpr std::size_t kUnbounded = 1 << 30;

  std::size_t room = kUnbounded;
  std::map<Output, std::string> outputs;
  std::size_t consumed = 0;
  int status = 0;
  std::map<std::string, std::string> response_headers;
  bool response_ended = false;
  int growth_questions = 0;
  ByteSize grant_up_to{std::uint64_t{1} << 40};
  Growth beyond = Growth::kDeny;
  OutboundFailure outbound_answer = OutboundFailure::kNone;
  std::uint64_t outbound_id = 0;
  std::string outbound_target;
  std::string outbound_body;
  bool outbound_body_complete = false;
  std::size_t outbound_consumed = 0;
  std::uint64_t outbound_cancelled = 0;
};

// Ticks once a millisecond as long as it lives.
class Ticker {
 public:
  explicit Ticker(const Engine& engine)
      : thread_([&engine](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            engine.tick();
          }
        }) {}

 private:
  std::jthread thread_;
};

}  // namespace wasabi::engine::test
