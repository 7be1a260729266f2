// The drain of this pod while time passes, and the admin port, where the app's preStop hook waits for it.
//
// Lives on its loop.
#pragma once

#include <vector>

#include "base/unique_function.h"
#include "http/event_loop.h"
#include "http/server.h"
#include "queueproxy/drain.h"

namespace wasabi::queueproxy {

class DrainDoor final : public http::RequestHandler {
 public:
  struct Hooks {
    UniqueFunction<Drain::Open()> open;               // what is open now
    UniqueFunction<void(Drain::Phase)> phase_begins;  // but the first
  };

  DrainDoor(http::EventLoop& loop, const Drain::Settings& settings, Hooks hooks);
  ~DrainDoor() override;

  void terminate();
  void requestCame() { drain_.requestCame(loop_.now()); }
  void somethingEnded() {
    if (drain_.isDraining()) look();
  }
  bool isDraining() const { return drain_.isDraining(); }

 private:
  class Waiter;
  void onRequest(http::ServerStream& stream) override;
  void look();
  void tell();

  http::EventLoop& loop_;
  Drain drain_;
  Hooks hooks_;
  Drain::Phase told_ = Drain::Phase::kServing;
  std::vector<std::unique_ptr<Waiter>> waiting_;
  http::Timer timer_;
};

}  // namespace wasabi::queueproxy
