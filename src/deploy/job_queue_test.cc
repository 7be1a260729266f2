#include "deploy/job_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>

namespace wasabi::deploy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// Begins a job that runs until it is cut off; what cut it off.
struct Cut {
  std::promise<void> begun;
  std::promise<std::optional<Error>> end;
};
std::shared_ptr<Cut> hang(JobQueue& queue) {
  auto cut = std::make_shared<Cut>();
  queue.post([cut](const JobQueue::Turn& turn) {
    cut->begun.set_value();
    while (!turn.stop().stop_requested()) std::this_thread::sleep_for(1ms);
    cut->end.set_value(turn.cutOff("the job"));
  });
  return cut;
}

TEST(JobQueueTest, WhatGoesThroughIsNotCutOff) {
  JobQueue queue({});
  std::promise<bool> cut;
  queue.post([&](const JobQueue::Turn& turn) { cut.set_value(turn.cutOff("it").has_value()); });
  EXPECT_FALSE(cut.get_future().get());
}

TEST(JobQueueTest, WhatTakesTooLongIsCutOff) {
  JobQueue queue({1, 1, 30ms});
  const auto end = hang(queue)->end.get_future().get();
  EXPECT_EQ(end->code(), ErrorCode::kTimeout);
  EXPECT_THAT(end->message(), HasSubstr("the job: not there after 30ms"));
}

TEST(JobQueueTest, SoManyRunSoManyWaitAndTheEndTellsAll) {
  JobQueue queue({1, 1, 10min});
  const auto running = hang(queue);
  running->begun.get_future().wait();
  const auto waiting = hang(queue);
  const auto refused = hang(queue)->end.get_future();
  ASSERT_EQ(refused.wait_for(0s), std::future_status::ready);
  queue.stop();
  for (const auto& one : {running, waiting, hang(queue)}) {
    EXPECT_THAT(one->end.get_future().get()->message(), HasSubstr("server is ending"));
  }
}

TEST(JobQueueTest, WhereNoMoreMayWaitThatIsSaid) {
  JobQueue queue({1, 0, 10min});
  const auto end = hang(queue)->end.get_future().get();
  EXPECT_EQ(end->code(), ErrorCode::kUnavailable);
  EXPECT_THAT(end->message(), HasSubstr("try again later"));
}

}  // namespace
}  // namespace wasabi::deploy
