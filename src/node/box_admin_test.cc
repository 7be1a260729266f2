#include "node/box_admin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "node/fake_box.h"

namespace wasabi::node {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::SizeIs;

class BoxAdminTest : public ::testing::Test {
 public:
  BoxAdminTest(const BoxAdminTest&) = delete;
  BoxAdminTest& operator=(const BoxAdminTest&) = delete;
  ~BoxAdminTest() override {
    admin_.reset();
    box_.reset();
    ::unlink(path_.c_str());
    ::rmdir(folder_.c_str());
  }

 protected:
  BoxAdminTest() {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/admin.sock";
    box_ = std::make_unique<FakeBox>(loop_, path_);
    admin_ = std::make_unique<BoxAdmin>(loop_, client_, path_, 200ms);
  }

  Result<BoxLoad> load(const std::string& told, std::uint16_t status = 200) {
    box_->on_request = [=](FakeBox::Seen& question) {
      EXPECT_EQ(question.stream->request().target, "/-/load");
      answer(*question.stream, status, told);
    };
    return loadNow();
  }
  Result<BoxLoad> loadNow() {
    std::optional<Result<BoxLoad>> got;
    admin_->load([&](Result<BoxLoad> load) {
      EXPECT_FALSE(got);
      got.emplace(std::move(load));
    });
    runUntil([&] { return got.has_value(); });
    if (!got) return fail(ErrorCode::kInternal, "no answer at all");
    return std::move(*got);
  }
  void runUntil(const std::function<bool()>& condition, Duration most = 10s) {
    const TimePoint end = Clock::now() + most;
    while (!condition() && Clock::now() < end) {
      if (loop_.runReady() == 0) std::this_thread::sleep_for(1ms);
    }
  }

  std::string folder_ = "/tmp/box_admin_XXXXXX";
  std::string path_;
  http::EventLoop loop_;
  http::Client client_{loop_, {}, http::unixConnector(loop_)};
  std::unique_ptr<FakeBox> box_;
  std::unique_ptr<BoxAdmin> admin_;
};

TEST_F(BoxAdminTest, ReadsTheLoad) {
  const auto load = this->load(
      R"({"ready":true,"capacity_memory_bytes":1000,"capacity_cpu":1.5,"booked_units":0.5,"cpu_seconds":2.5,)"
      R"("requests":7,"invocations":3,"programs_loaded":2,)"
      R"("tenants":[{"tenant":"acme","cpu_seconds":1.5,"memory_byte_seconds":3e6},{"tenant":7},"zoo"]})");
  ASSERT_TRUE(load);
  EXPECT_TRUE(load->ready);
  EXPECT_EQ(load->capacity.value, 1'000);
  EXPECT_EQ(load->capacity_cores, 1.5);
  EXPECT_EQ(load->booked.value, 100ull << 20);
  EXPECT_EQ(load->cpu_seconds, 2.5);
  EXPECT_EQ(load->requests, 7);
  EXPECT_EQ(load->invocations, 3);
  EXPECT_EQ(load->programs_loaded, 2);
  ASSERT_EQ(load->tenants.size(), 1);
  EXPECT_EQ(load->tenants[0].tenant, "acme");
  EXPECT_EQ(load->tenants[0].cpu_seconds, 1.5);
  EXPECT_EQ(load->tenants[0].memory_byte_seconds, 3e6);
}

TEST_F(BoxAdminTest, NonsenseIsAnErrorOrNothing) {
  for (const char* told : {"", "<html>", "[]", "7", "{\"ready\":", "\xff"}) EXPECT_FALSE(load(told)) << told;
  EXPECT_FALSE(load(R"({"ready":true})", 503));
  const auto load = this->load(
      R"({"ready":"yes","booked_units":-3e300,"cpu_seconds":"2","requests":-1,"invocations":{},"capacity_cpu":-1})");
  ASSERT_TRUE(load);
  EXPECT_FALSE(load->ready);
  EXPECT_EQ(load->booked.value, 0);
  EXPECT_EQ(load->cpu_seconds, 0);
  EXPECT_EQ(load->requests, 0);
  EXPECT_EQ(load->invocations, 0);
  EXPECT_EQ(load->capacity_cores, 0);
  EXPECT_GT(this->load(R"({"booked_units":1e300})")->booked.value, 1ull << 50);
}

TEST_F(BoxAdminTest, ReadsWhatTheBoxRefused) {
  box_->on_request = [](FakeBox::Seen& question) {
    EXPECT_EQ(question.stream->request().method, "POST");
    answer(*question.stream, 200, R"({"problems":[{"file":"a","reason":"b"},{"file":1,"reason":"c"},7,{}]})");
  };
  std::optional<Result<std::vector<ManifestProblem>>> got;
  admin_->reload([&](Result<std::vector<ManifestProblem>> problems) { got.emplace(std::move(problems)); });
  runUntil([&] { return got.has_value(); });
  ASSERT_TRUE(got && *got);
  ASSERT_THAT(**got, SizeIs(1));
  EXPECT_EQ((*got)->front().reason, "b");
}

TEST_F(BoxAdminTest, AnAnswerThatIsTooLongIsCutOff) {
  const std::string padding(BoxAdmin::kMostAnswerBytes, ' ');
  const auto load = this->load(padding + R"({"ready":true})");
  ASSERT_FALSE(load);
  EXPECT_THAT(load.error().message(), HasSubstr("more than a box may"));
}

TEST_F(BoxAdminTest, ABoxThatTakesItsTimeIsNotWaitedFor) {
  box_->on_request = [](FakeBox::Seen&) {};
  const auto silent = loadNow();
  ASSERT_FALSE(silent);
  EXPECT_THAT(silent.error().message(), HasSubstr("in time"));
  // A body that comes bit by bit buys no time.
  box_->on_request = [](FakeBox::Seen& question) {
    question.stream->sendHead({}, 1'000);
    question.stream->send(bytes("{"));
  };
  EXPECT_FALSE(loadNow());
}

// Both times, that of the connection and that of the answer, are over at once.
TEST_F(BoxAdminTest, ABoxThatIsGoneAnswersOnce) {
  box_->die();
  ::unlink(path_.c_str());
  for (int i = 0; i < 20; ++i) {
    const auto gone = loadNow();
    ASSERT_FALSE(gone);
    EXPECT_THAT(gone.error().message(), testing::Not(HasSubstr(folder_)));
  }
  runUntil([] { return false; }, 300ms);
}

TEST_F(BoxAdminTest, OneThatIsDestroyedCallsNobody) {
  box_->on_request = [](FakeBox::Seen&) {};
  bool called = false;
  admin_->load([&](const Result<BoxLoad>&) { called = true; });
  runUntil([] { return false; }, 50ms);
  admin_.reset();
  runUntil([] { return false; }, 300ms);
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace wasabi::node
