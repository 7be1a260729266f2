#include "box/ending.h"

#include <gtest/gtest.h>

namespace wasabi::box {
namespace {

TEST(EndingTest, TheModulesOwnFaultsAreTheFunctionsAndOursAreOurs) {
  EXPECT_EQ(outcomeOf(reasonForLoadFailure(ErrorCode::kInvalid)), Outcome::kFunctionFailed);
  EXPECT_EQ(outcomeOf(reasonForLoadFailure(ErrorCode::kExhausted)), Outcome::kFunctionFailed);
  EXPECT_EQ(outcomeOf(reasonForLoadFailure(ErrorCode::kTimeout)), Outcome::kFunctionFailed);
  EXPECT_EQ(statusOf(reasonForLoadFailure(ErrorCode::kNotFound)), 503);
  EXPECT_EQ(outcomeOf(reasonForLoadFailure(ErrorCode::kUnavailable)), Outcome::kHostFault);
  EXPECT_EQ(outcomeOf(reasonForLoadFailure(ErrorCode::kIo)), Outcome::kHostFault);
}

TEST(EndingTest, AFullPoolIsNotTheFunctionsFault) {
  EXPECT_EQ(reasonFor(engine::EndKind::kPoolFull), Reason::kBoxFull);
  EXPECT_EQ(statusOf(Reason::kBoxFull), 503);
  EXPECT_EQ(reasonFor(engine::EndKind::kReturned), Reason::kNone);
}

TEST(EndingTest, AClientThatIsGoneIsToldFromOneThatIsSlow) {
  EXPECT_EQ(reasonFor(http::CloseReason::kPeerGone), Reason::kClientGone);
  EXPECT_EQ(reasonFor(http::CloseReason::kTimedOut), Reason::kClientTooSlow);
  EXPECT_EQ(reasonFor(http::CloseReason::kAborted), Reason::kStopped);
}

}  // namespace
}  // namespace wasabi::box
