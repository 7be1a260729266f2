#include "queueproxy/app_dialer.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace wasabi::queueproxy {
namespace {

using http::ClientFailure;
using http::ConnectAttempt;
using http::ConnectFailure;
using http::Transport;
using std::chrono::milliseconds;

using Outcome = tl::expected<std::unique_ptr<Transport>, ConnectFailure>;

class NoTransport final : public Transport {
 public:
  void read(ReadDone) override {}
  WriteStart write(std::string&, WriteDone) override { return WriteStart::kImpossible; }
  void endOutput() override {}
  std::uint64_t bytesWritten() const override { return 0; }
  bool quiet() override { return true; }
};

// Answers each try as the test says: a failure, or success where nothing is left to say.
class ScriptedConnector final : public http::Connector {
 public:
  ScriptedConnector(http::EventLoop& loop, std::deque<ClientFailure> failures, std::vector<Duration>& times)
      : loop_(loop), failures_(std::move(failures)), times_(times) {}

  std::unique_ptr<ConnectAttempt> connect(const http::Origin&, TimePoint deadline, Done done) override {
    times_.push_back(deadline - loop_.now());
    std::optional<ClientFailure> failure;
    if (!failures_.empty()) {
      failure = failures_.front();
      failures_.pop_front();
    }
    loop_.post([failure, told = std::move(done)]() mutable {
      if (failure) return told(tl::unexpected(ConnectFailure{*failure, "scripted"}));
      told(std::make_unique<NoTransport>());
    });
    return std::make_unique<ConnectAttempt>();
  }

 private:
  http::EventLoop& loop_;
  std::deque<ClientFailure> failures_;
  std::vector<Duration>& times_;
};

class AppDialerTest : public ::testing::Test {
 protected:
  Outcome dial(std::deque<ClientFailure> failures, Duration within = std::chrono::hours(1)) {
    const DialPatience patience{.first_try = milliseconds(100), .growth = 2, .tries = 4, .pause = milliseconds(1)};
    const auto connector =
        patientConnector(loop_, std::make_unique<ScriptedConnector>(loop_, std::move(failures), times_), patience);
    std::optional<Outcome> got;
    const auto attempt =
        connector->connect({}, loop_.now() + within, [&](Outcome outcome) { got = std::move(outcome); });
    const TimePoint give_up = Clock::now() + std::chrono::seconds(60);
    while (!got && Clock::now() < give_up) {
      if (loop_.runReady() == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return std::move(got).value();
  }

  http::EventLoop loop_;
  std::vector<Duration> times_;  // that each try had
};

TEST_F(AppDialerTest, TriesAgainAfterASilentOneEachLonger) {
  EXPECT_TRUE(dial({ClientFailure::kTimeout, ClientFailure::kTimeout}));
  ASSERT_EQ(times_.size(), 3U);
  EXPECT_EQ(times_[0], milliseconds(100));
  EXPECT_EQ(times_[1], milliseconds(200));
  EXPECT_EQ(times_[2], milliseconds(400));
}

TEST_F(AppDialerTest, ARefusalIsFinal) {
  const Outcome outcome = dial({ClientFailure::kConnect});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().failure, ClientFailure::kConnect);
  EXPECT_EQ(outcome.error().message, "scripted");
  EXPECT_EQ(times_.size(), 1U);
}

TEST_F(AppDialerTest, GivesUpAfterSoManyTries) {
  const Outcome outcome = dial(std::deque<ClientFailure>(9, ClientFailure::kTimeout));
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().message.starts_with("timed out dialing after ")) << outcome.error().message;
  EXPECT_EQ(times_.size(), 4U);
}

TEST_F(AppDialerTest, TheDeadlineOfTheRequestHolds) {
  EXPECT_FALSE(dial({ClientFailure::kTimeout}, milliseconds(0)));
  EXPECT_EQ(times_, std::vector<Duration>{Duration::zero()});
}

}  // namespace
}  // namespace wasabi::queueproxy
