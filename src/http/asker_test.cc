#include "http/asker.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "http/server_test_support.h"

namespace wasabi::http {
namespace {

class AskerTest : public ::testing::Test {
 protected:
  explicit AskerTest(TestServer::Script script = {}) : server_({}, std::move(script)) {
    const auto factory = [](const std::string&, UniqueFunction<void(Result<FileDescriptor>)> done) {
      done(FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    };
    client_ = std::make_unique<Client>(server_.loop, ClientLimits{}, socketConnector(server_.loop, factory));
    request_.method = "POST";
    request_.target = "/what";
    request_.authority = "there";
    request_.endpoint = {"there", parseDecimal<std::uint16_t>(splitAuthority(server_.address).port).value()};
  }

  Result<Asker::Answer> ask(const Asker::Limits& limits, const std::string& body) {
    Asker asker(server_.loop, *client_, limits);
    std::optional<Result<Asker::Answer>> got;
    asker.ask(request_, body, [&](Result<Asker::Answer> answer) { got = std::move(answer); });
    EXPECT_EQ(asker.open(), 1U);
    EXPECT_TRUE(server_.runUntil([&] { return got.has_value(); }));
    EXPECT_EQ(asker.open(), 0U);
    return std::move(*got);
  }

  TestServer server_;
  std::unique_ptr<Client> client_;
  ClientRequest request_;
};

TEST_F(AskerTest, BringsTheWholeAnswer) {
  const auto answer = ask({}, "question");
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "POST /what there|question\n");
}

TEST_F(AskerTest, AnAnswerThatIsTooLongIsNone) {
  const auto answer = ask({.most_bytes = 10}, {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::kCorrupt);
}

TEST_F(AskerTest, WhoIsNotThereDoesNotAnswer) {
  request_.endpoint.port = 1;
  const auto answer = ask({}, {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnavailable);
}

class AskerOfNobodyTest : public AskerTest {
 protected:
  AskerOfNobodyTest() : AskerTest([](RecordedRequest&) {}) {}
};

TEST_F(AskerOfNobodyTest, PatienceEnds) {
  const auto answer = ask({.patience = std::chrono::milliseconds(5)}, {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::kTimeout);
}

TEST_F(AskerOfNobodyTest, WhoseAskerIsGoneIsNotTold) {
  bool told = false;
  {
    Asker asker(server_.loop, *client_, {});
    asker.ask(request_, {}, [&](const Result<Asker::Answer>&) { told = true; });
    ASSERT_TRUE(server_.runUntil([&] { return !server_.requests.empty(); }));
  }
  ASSERT_TRUE(server_.runUntil([&] { return server_.requests.front().closed.has_value(); }));
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace wasabi::http
