#include "queueproxy/drain_door.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace wasabi::queueproxy {
namespace {

constexpr std::string_view kPath = "/wait-for-drain";

void answerEmpty(http::ServerStream& stream, std::uint16_t status) {
  http::ResponseHead head;
  head.status = status;
  stream.sendHead(head, 0);
  stream.finish({});
}

}  // namespace

// Who has called /wait-for-drain.
class DrainDoor::Waiter final : public http::StreamObserver {
 public:
  Waiter(DrainDoor& door, http::ServerStream& stream) : door_(door), stream_(stream) { stream.attach(*this); }
  void answer() {
    if (!std::exchange(answered_, true)) answerEmpty(stream_, 200);
  }

 private:
  void onBody(std::span<const std::byte>) override {}
  void onBodyEnd(const http::Fields&) override {}
  void onWritable() override {}
  // The last thing it does.
  void onClosed(http::CloseReason) override {
    std::erase_if(door_.waiting_, [this](const std::unique_ptr<Waiter>& one) { return one.get() == this; });
  }

  DrainDoor& door_;
  http::ServerStream& stream_;
  bool answered_ = false;
};

DrainDoor::DrainDoor(http::EventLoop& loop, const Drain::Settings& settings, Hooks hooks)
    : loop_(loop), drain_(settings), hooks_(std::move(hooks)), timer_(loop) {}

DrainDoor::~DrainDoor() = default;

void DrainDoor::onRequest(http::ServerStream& stream) {
  if (stream.request().path() != kPath) return answerEmpty(stream, 404);
  waiting_.push_back(std::make_unique<Waiter>(*this, stream));
  drain_.waitForDrain(loop_.now());
  tell();
}

void DrainDoor::terminate() {
  drain_.terminate(hooks_.open(), loop_.now());
  tell();
}

void DrainDoor::look() {
  drain_.at(hooks_.open(), loop_.now());
  tell();
}

void DrainDoor::tell() {
  if (drain_.isWaitOver()) {
    for (const auto& waiter : waiting_) waiter->answer();
  }
  if (const auto next = drain_.nextMoment()) {
    timer_.arm(*next, [this] { look(); });
  } else {
    timer_.cancel();
  }
  const Drain::Phase phase = drain_.phase();
  if (std::exchange(told_, phase) != phase) hooks_.phase_begins(phase);
}

}  // namespace wasabi::queueproxy
