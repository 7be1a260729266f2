#include "queueproxy/app_dialer.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

namespace wasabi::queueproxy {
namespace {

using http::ClientFailure;
using http::ConnectAttempt;
using http::ConnectFailure;
using http::Connector;
using http::Origin;
using http::Transport;

class PatientAttempt final : public ConnectAttempt {
 public:
  PatientAttempt(http::EventLoop& loop, Connector& inner, const DialPatience& patience, Origin origin,
                 TimePoint deadline, Connector::Done done)
      : loop_(loop),
        inner_(inner),
        patience_(patience),
        origin_(std::move(origin)),
        begun_(loop.now()),
        deadline_(deadline),
        done_(std::move(done)),
        next_try_(patience.first_try),
        pause_(loop) {}

  void dial() {
    ++tries_;
    const TimePoint until = std::min(deadline_, loop_.now() + next_try_);
    next_try_ = std::chrono::duration_cast<Duration>(next_try_ * patience_.growth);
    attempt_ = inner_.connect(origin_, until, [this](tl::expected<std::unique_ptr<Transport>, ConnectFailure> outcome) {
      tried(std::move(outcome));
    });
  }

 private:
  void tried(tl::expected<std::unique_ptr<Transport>, ConnectFailure> outcome) {
    attempt_.reset();
    const bool timed_out = !outcome && outcome.error().failure == ClientFailure::kTimeout;
    if (!timed_out) return finish(std::move(outcome));
    const TimePoint again = loop_.now() + patience_.pause;
    if (tries_ >= patience_.tries || again >= deadline_) {
      const std::string why =
          fmt::format("timed out dialing after {:.2f}s: {}", toSeconds(loop_.now() - begun_), outcome.error().message);
      return finish(tl::unexpected(ConnectFailure{ClientFailure::kConnect, why}));
    }
    pause_.arm(again, [this] { dial(); });
  }

  // The last thing it does: whoever is told may destroy it.
  void finish(tl::expected<std::unique_ptr<Transport>, ConnectFailure> outcome) {
    Connector::Done done = std::move(done_);
    done(std::move(outcome));
  }

  http::EventLoop& loop_;
  Connector& inner_;
  const DialPatience& patience_;
  const Origin origin_;
  const TimePoint begun_;
  const TimePoint deadline_;
  Connector::Done done_;
  Duration next_try_;
  unsigned tries_ = 0;
  http::Timer pause_;
  std::unique_ptr<ConnectAttempt> attempt_;
};

class PatientConnector final : public Connector {
 public:
  PatientConnector(http::EventLoop& loop, std::unique_ptr<Connector> inner, const DialPatience& patience)
      : loop_(loop), inner_(std::move(inner)), patience_(patience) {}

  std::unique_ptr<ConnectAttempt> connect(const Origin& origin, TimePoint deadline, Done done) override {
    auto attempt = std::make_unique<PatientAttempt>(loop_, *inner_, patience_, origin, deadline, std::move(done));
    attempt->dial();
    return attempt;
  }

 private:
  http::EventLoop& loop_;
  const std::unique_ptr<Connector> inner_;
  const DialPatience patience_;
};

}  // namespace

std::unique_ptr<Connector> loopbackConnector(http::EventLoop& loop) {
  const auto fresh_socket = [](const std::string&, UniqueFunction<void(Result<FileDescriptor>)> done) {
    FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return done(fail(Error::fromErrno("socket", errno)));
    done(std::move(socket));
  };
  return http::socketConnector(loop, fresh_socket);
}

std::unique_ptr<Connector> patientConnector(http::EventLoop& loop, std::unique_ptr<Connector> inner,
                                            const DialPatience& patience) {
  return std::make_unique<PatientConnector>(loop, std::move(inner), patience);
}

}  // namespace wasabi::queueproxy
