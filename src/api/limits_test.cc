// How much may be sent, and how often.
#include "api/api_fixture.h"

namespace wasabi::api {
namespace {

using testing::HasSubstr;

ApiLimits small() {
  ApiLimits limits = anyRate();
  limits.body_bytes = 64;
  limits.secret_bytes = 32;
  limits.module_bytes = 100;
  limits.files_bytes = 200;
  limits.image_bytes = 300;
  return limits;
}

struct Sized {
  const char* method;
  const char* target;
  std::size_t most;
};

// One of each kind of body.
constexpr Sized kSized[] = {{"POST", "/tenants", 64},
                            {"PUT", "/tenants/acme/secrets/KEY", 32},
                            {"POST", "/uploads", 100},
                            {"POST", "/uploads?kind=module", 100},
                            {"POST", "/uploads?kind=files", 200},
                            {"POST", "/uploads?kind=image", 300},
                            {"GET", "/functions", 0},
                            {"DELETE", "/tenants/other", 0},
                            {"POST", "/functions/acme/hello/rollback", 0}};

class SizeTest : public ApiTest {
 protected:
  SizeTest() : ApiTest(small()) {}
};

TEST_F(SizeTest, WhatIsAnnouncedTooLargeIsRefusedBeforeItIsRead) {
  for (const Sized& one : kSized) {
    SCOPED_TRACE(one.target);
    const std::string before = world_.state();
    {
      const auto exchange =
          world_.begin({one.method, one.target, world_.operatorToken(), std::string(one.most + 1, ' ')});
      ASSERT_TRUE(exchange->runUntilAnswered());
      EXPECT_EQ(exchange->answer().status, 413);
      EXPECT_EQ(detailOf(exchange->answer()), fmt::format("the body may have {} bytes", one.most));
      EXPECT_FALSE(exchange->readsBody());
    }
    EXPECT_EQ(world_.state(), before);
  }
}

TEST_F(SizeTest, WhatBecomesTooLargeIsRefusedThere) {
  for (const Sized& one : kSized) {
    SCOPED_TRACE(one.target);
    const std::string before = world_.state();
    {
      const auto exchange =
          world_.begin({one.method, one.target, world_.operatorToken(), std::string(one.most + 50, ' '), false, 10});
      ASSERT_TRUE(exchange->runUntilAnswered());
      EXPECT_EQ(exchange->answer().status, 413);
      EXPECT_EQ(detailOf(exchange->answer()), fmt::format("the body may have {} bytes", one.most));
      EXPECT_LE(exchange->bodyTaken(), one.most + 10);
    }
    EXPECT_EQ(world_.state(), before);
  }
}

TEST_F(SizeTest, WhatHasJustTheSizeIsTaken) {
  for (const Sized& one : kSized) {
    if (one.most == 0) continue;
    for (const bool tells_length : {true, false}) {
      const TestAnswer answer =
          world_.call({one.method, one.target, world_.operatorToken(), std::string(one.most, 'x'), tells_length, 10});
      EXPECT_NE(answer.status, 413) << one.target;
    }
  }
  EXPECT_EQ(must(world_.platform().secrets().get("acme", "KEY")).reveal(), std::string(32, 'x'));
}

// The defaults, as the documents have them.
class DefaultSizeTest : public ApiTest {};

TEST_F(DefaultSizeTest, BodiesArriveWholeInWhateverPieces) {
  const std::string secret = std::string(64 << 10, 's');
  EXPECT_EQ(world_.call({"PUT", "/tenants/acme/secrets/KEY", world_.acmeToken(), secret, false, 777}).status, 200);
  EXPECT_EQ(must(world_.platform().secrets().get("acme", "KEY")).reveal(), secret);
  expectRefused("PUT", "/tenants/acme/secrets/KEY", secret + "s", 413, "65536 bytes");
  const std::string spaces((1 << 20) - 20, ' ');
  EXPECT_EQ(world_.asOperator("POST", "/tenants", spaces + R"({"name": "third"})").status, 201);
  expectRefused("POST", "/tenants", std::string((1 << 20) + 1, ' '), 413, "1048576 bytes");
}

ApiLimits slow() {
  ApiLimits limits;
  limits.calls_per_second = 0.001;
  limits.refused_tokens_per_second = 0.001;
  limits.most_clients = 4;
  return limits;
}

// Each of these rates lets one through, and the next after a quarter of an hour.
class RateTest : public ApiTest {
 protected:
  RateTest() : ApiTest(slow()) {}
  int statusOf(const std::string& token, const std::string& client) {
    TestRequest request{"GET", "/whoami", token};
    request.client = client;
    last_ = world_.call(std::move(request));
    EXPECT_EQ(last_.status == 200 ? "" : wrongInProblem(last_), "");
    return last_.status;
  }

  TestAnswer last_;
};

TEST_F(RateTest, OneTokenCallsOnlySoOftenAndOthersDoNotPayForIt) {
  EXPECT_EQ(statusOf(world_.acmeToken(), "1.1.1.1:1"), 200);
  EXPECT_EQ(statusOf(world_.acmeToken(), "1.1.1.1:1"), 429);
  EXPECT_THAT(last_.body, HasSubstr("a token may call 0.001 times a second"));
  EXPECT_EQ(last_.header("retry-after"), "1");
  // From wherever it comes.
  EXPECT_EQ(statusOf(world_.acmeToken(), "2.2.2.2:1"), 429);
  EXPECT_EQ(statusOf(world_.otherToken(), "1.1.1.1:1"), 200);
  EXPECT_EQ(statusOf(world_.operatorToken(), "1.1.1.1:1"), 200);
}

TEST_F(RateTest, ACallThatIsOneTooManyChangesNothing) {
  EXPECT_EQ(world_.asAcme("PUT", "/tenants/acme/secrets/KEY", "one").status, 200);
  expectRefused({"PUT", "/tenants/acme/secrets/KEY", world_.acmeToken(), "two"}, 429, "times a second");
  expectRefused({"DELETE", "/tenants/acme/secrets/KEY", world_.acmeToken()}, 429, "times a second");
}

TEST_F(RateTest, WhoGuessesTokensIsHeldUpAtThatAddress) {
  EXPECT_EQ(statusOf("wsb_guess", "1.1.1.1:1"), 401);
  // Another port, and another guess; even the right one is not looked at.
  EXPECT_EQ(statusOf("wsb_other", "1.1.1.1:2"), 429);
  EXPECT_THAT(last_.body, HasSubstr("too many refused tokens came from this address; try again later"));
  EXPECT_EQ(statusOf(world_.acmeToken(), "1.1.1.1:3"), 429);
  EXPECT_EQ(statusOf(world_.acmeToken(), "2.2.2.2:1"), 200);
  EXPECT_EQ(statusOf("wsb_guess", "[::1]:1"), 401);
  EXPECT_EQ(statusOf("", "[::1]:2"), 429);
  EXPECT_EQ(statusOf("", "[::2]:2"), 401);
}

TEST_F(RateTest, WhoComesPastTheGatewayIsCountedToo) {
  EXPECT_EQ(statusOf("wsb_guess", ""), 401);
  EXPECT_EQ(statusOf("wsb_guess", ""), 429);
}

TEST_F(RateTest, RightTokensAreNoGuesses) {
  for (const std::string& token : {world_.acmeToken(), world_.otherToken(), world_.operatorToken()}) {
    EXPECT_EQ(statusOf(token, "1.1.1.1:1"), 200);
  }
  EXPECT_EQ(statusOf("wsb_guess", "1.1.1.1:1"), 401);
}

// The count of an address is forgotten only when too many others have come.
TEST_F(RateTest, ThoseWhoAreCountedHaveALimit) {
  EXPECT_EQ(statusOf("wsb_guess", "1.1.1.1:1"), 401);
  for (const char* client : {"2.2.2.2:1", "3.3.3.3:1", "4.4.4.4:1"}) EXPECT_EQ(statusOf("wsb_guess", client), 401);
  EXPECT_EQ(statusOf("wsb_guess", "1.1.1.1:1"), 429);
  EXPECT_EQ(statusOf("wsb_guess", "5.5.5.5:1"), 401);
  EXPECT_EQ(statusOf("wsb_guess", "1.1.1.1:1"), 401);
}

}  // namespace
}  // namespace wasabi::api
