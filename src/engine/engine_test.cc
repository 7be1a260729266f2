#include "engine/engine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/engine_test_support.h"

namespace wasabi::engine {
namespace {

using namespace std::chrono_literals;
using namespace wasabi::literals;
using test::bytesOf;
using test::RecordingHost;

class EngineTest : public testing::Test {
 protected:
  static constexpr Duration kSlice = 10ms;

  static std::unique_ptr<Engine> makeEngine() {
    EngineConfig config = EngineConfig::defaults();
    config.max_invocations = 8;
    // So that each program takes the slot that another one used last.
    config.max_warm_slots = 0;
    auto engine = Engine::create(config);
    WASABI_CHECK(engine.has_value());
    return *std::move(engine);
  }

  Invocation start(const Program& program, InvocationStart start = {}) {
    start.wake_token = 7;
    if (start.memory_limit == 0_B) start.memory_limit = 64_MiB;
    if (start.request.method.empty()) {
      start.request.method = "GET";
      start.request.authority = "example.test";
      if (start.request.path.empty()) start.request.path = "/";
    }
    auto invocation = Invocation::start(*engine_, program, host_, wakes_, std::move(start));
    EXPECT_TRUE(invocation.has_value()) << invocation.error().message();
    return *std::move(invocation);
  }

  // Polls until the guest ends or waits: on a busy machine a slice may end anywhere.
  static PollOutcome settle(Invocation& invocation) {
    for (;;) {
      const PollOutcome outcome = invocation.poll(kSlice);
      if (outcome != PollOutcome::kOutOfSlice) return outcome;
    }
  }

  // Polls as an event loop would, until the invocation is done.
  InvocationEnd finish(Invocation& invocation) {
    for (;;) {
      const int seen = wakes_.count();
      switch (invocation.poll(kSlice)) {
        case PollOutcome::kDone:
          return invocation.end();
        case PollOutcome::kOutOfSlice:
          break;
        case PollOutcome::kWaiting:
          if (!wakes_.waitBeyond(seen, 10s)) {
            ADD_FAILURE() << "parked and never woken";
            return {};
          }
      }
    }
  }

  InvocationEnd run(const std::string& guest, std::string_view query = "", InvocationStart begin = {}) {
    const auto program = test::loadGuest(*engine_, guest);
    const std::string path = "/?" + std::string(query);
    const FieldView environment[] = {{"QUERY_STRING", query}};
    begin.environment = environment;
    begin.request.path = path;
    Invocation invocation = start(*program, std::move(begin));
    const InvocationEnd end = finish(invocation);
    message_ = end.message;
    return end;
  }

  const std::string& out(Output stream = Output::kStdout) { return host_.outputs[stream]; }

  std::unique_ptr<Engine> engine_ = makeEngine();
  test::Wakes wakes_;
  RecordingHost host_;
  std::string message_;
};

TEST_F(EngineTest, FingerprintIsSha256) {
  EXPECT_EQ(Engine::fingerprint().size(), 64u);
}

TEST_F(EngineTest, LoadsProgramsOfAllKinds) {
  EXPECT_EQ(test::loadGuest(*engine_, "hello")->kind(), ProgramKind::kWasiP1Command);
  EXPECT_EQ(test::loadGuest(*engine_, "cli_hello")->kind(), ProgramKind::kCliCommand);
  EXPECT_EQ(test::loadGuest(*engine_, "http_noop")->kind(), ProgramKind::kHttpProxy);
  EXPECT_GT(test::loadGuest(*engine_, "hello")->codeSize().value, 0u);
  EXPECT_GE(test::loadGuest(*engine_, "hello")->initialMemory().value, 65536u);
}

TEST_F(EngineTest, RefusesWhatIsNoCompiledModule) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const FileDescriptor read_end(pipe_ends[0]);
  const FileDescriptor write_end(pipe_ends[1]);
  const auto program = Program::load(*engine_, read_end);
  ASSERT_FALSE(program.has_value());
  EXPECT_EQ(program.error().code(), ErrorCode::kInvalid);
}

TEST_F(EngineTest, RunsCommands) {
  for (const char* guest : {"hello", "cli_hello"}) {
    host_.outputs.clear();
    EXPECT_EQ(run(guest).kind, EndKind::kReturned) << message_;
    EXPECT_NE(out().find("ello"), std::string::npos) << guest;
  }
}

TEST_F(EngineTest, TellsHowCommandsEnded) {
  for (const char* guest : {"exit", "cli_exit"}) {
    const InvocationEnd end = run(guest, "code=1&output=bye");
    EXPECT_EQ(end.kind, EndKind::kExitCode) << guest << message_;
    EXPECT_EQ(end.exit_code, 1);
  }
  EXPECT_EQ(run("exit", "code=42").exit_code, 42);
  EXPECT_EQ(run("trap").kind, EndKind::kTrap);
  EXPECT_FALSE(message_.empty());
  EXPECT_EQ(run("deep_recursion").kind, EndKind::kStackOverflow) << message_;
}

TEST_F(EngineTest, StreamsInputWithBackPressure) {
  for (const char* guest : {"echo", "cli_echo"}) {
    host_ = RecordingHost();
    const auto program = test::loadGuest(*engine_, guest);
    InvocationStart begin;
    begin.has_input = true;
    Invocation invocation = start(*program, std::move(begin));
    EXPECT_EQ(settle(invocation), PollOutcome::kWaiting);
    const int seen = wakes_.count();
    invocation.push(bytesOf("some input"));
    EXPECT_EQ(wakes_.count(), seen + 1);
    EXPECT_EQ(wakes_.lastToken(), 7u);
    invocation.pushEnd();
    EXPECT_EQ(wakes_.count(), seen + 1) << "woken once between two polls";

    host_.room = 4;
    EXPECT_EQ(settle(invocation), PollOutcome::kWaiting);
    EXPECT_EQ(out(), "some");
    host_.room = RecordingHost::kUnbounded;
    invocation.outputReady();
    EXPECT_EQ(finish(invocation).kind, EndKind::kReturned);
    EXPECT_EQ(out(), "some input");
    EXPECT_EQ(host_.consumed, 10u);
  }
}

TEST_F(EngineTest, PreemptsAGuestThatSpins) {
  const test::Ticker ticker(*engine_);
  const auto program = test::loadGuest(*engine_, "start_loop");
  Invocation invocation = start(*program);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(invocation.poll(2ms), PollOutcome::kOutOfSlice);
  }
  EXPECT_EQ(wakes_.count(), 0) << "out of slice is no reason to wake";
}

TEST_F(EngineTest, ParksASleepingGuestAndWakesIt) {
  const auto before = Clock::now();
  EXPECT_EQ(run("sleep", "ms=30").kind, EndKind::kReturned);
  EXPECT_GE(Clock::now() - before, 30ms);
  EXPECT_EQ(wakes_.count(), 1);
}

TEST_F(EngineTest, AGuestCancelledWhileItSleepsIsGone) {
  const auto program = test::loadGuest(*engine_, "sleep");
  const FieldView environment[] = {{"QUERY_STRING", "ms=60000"}};
  InvocationStart begin;
  begin.environment = environment;
  {
    Invocation invocation = start(*program, std::move(begin));
    EXPECT_EQ(settle(invocation), PollOutcome::kWaiting);
    EXPECT_EQ(engine_->poolMetrics().live_stacks, 1u);
  }
  EXPECT_EQ(engine_->poolMetrics().live_stacks, 0u);
}

TEST_F(EngineTest, GrowthWaitsUntilTheHostRetries) {
  host_.grant_up_to = 1_MiB;
  host_.beyond = Growth::kWait;
  const auto program = test::loadGuest(*engine_, "grow");
  const FieldView environment[] = {{"QUERY_STRING", "mib=4"}};
  InvocationStart begin;
  begin.environment = environment;
  Invocation invocation = start(*program, std::move(begin));
  EXPECT_EQ(settle(invocation), PollOutcome::kWaiting);
  const int questions = host_.growth_questions;
  EXPECT_EQ(settle(invocation), PollOutcome::kWaiting);
  EXPECT_EQ(host_.growth_questions, questions) << "asked again only after a retry";
  host_.grant_up_to = 64_MiB;
  invocation.retryGrowth();
  const InvocationEnd end = finish(invocation);
  EXPECT_EQ(end.kind, EndKind::kReturned);
  EXPECT_EQ(out(), "grown=4\n");
  EXPECT_GE(end.peak_memory, 4_MiB);
}

TEST_F(EngineTest, MemoryLimitMakesGrowthFail) {
  InvocationStart begin;
  begin.memory_limit = 8_MiB;
  const InvocationEnd end = run("grow", "mib=100", std::move(begin));
  EXPECT_EQ(end.kind, EndKind::kReturned);
  EXPECT_TRUE(end.limit_met);
  EXPECT_LE(end.peak_memory, 8_MiB);
  EXPECT_EQ(out().substr(0, 6), "grown=");
}

TEST_F(EngineTest, WhatOneInvocationLeavesInMemoryIsGone) {
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(run("leave_secrets").kind, EndKind::kReturned) << message_;
    host_.outputs.clear();
    EXPECT_EQ(run("scan_memory").kind, EndKind::kReturned) << message_;
    EXPECT_NE(out().find("dirty=0"), std::string::npos) << out();
  }
}

TEST_F(EngineTest, AnswersRequests) {
  const InvocationEnd end = run("http_noop");
  EXPECT_EQ(end.kind, EndKind::kReturned) << message_;
  EXPECT_EQ(host_.status, 200);
  EXPECT_EQ(out(Output::kResponseBody), "ok\n");
  EXPECT_TRUE(host_.response_ended);
}

TEST_F(EngineTest, StreamsARequestThroughWithBackPressure) {
  const auto program = test::loadGuest(*engine_, "http_echo");
  InvocationStart begin;
  begin.has_input = true;
  begin.request.method = "POST";
  begin.request.authority = "example.test";
  begin.request.path = "/";
  Invocation invocation = start(*program, std::move(begin));
  const std::string chunk(50'000, 'x');
  std::size_t sent = 0;
  host_.room = 0;
  for (int i = 0; i < 40; ++i) {
    invocation.push(bytesOf(chunk));
    sent += chunk.size();
    EXPECT_EQ(settle(invocation), PollOutcome::kWaiting);
  }
  EXPECT_EQ(out(Output::kResponseBody), "");
  EXPECT_LT(host_.consumed, sent) << "a guest whose output is stuck reads on";
  host_.room = RecordingHost::kUnbounded;
  invocation.pushEnd();
  invocation.outputReady();
  EXPECT_EQ(finish(invocation).kind, EndKind::kReturned);
  EXPECT_EQ(out(Output::kResponseBody).size(), sent);
  EXPECT_EQ(host_.consumed, sent);
}

TEST_F(EngineTest, TellsHowHandlersFailed) {
  EXPECT_EQ(run("http_fail", "how=no_response").kind, EndKind::kNoResponse);
  EXPECT_EQ(run("http_fail", "how=error").kind, EndKind::kGuestError);
  EXPECT_EQ(run("http_fail", "how=trap").kind, EndKind::kTrap);
  host_ = RecordingHost();
  EXPECT_EQ(run("http_fail", "how=trap_after_head").kind, EndKind::kTrap);
  EXPECT_FALSE(host_.response_ended) << "a cut body must not look complete";
  EXPECT_EQ(out(Output::kResponseBody), "so far so good\n");
  EXPECT_EQ(run("http_fail", "how=unfinished").kind, EndKind::kGuestError);
  EXPECT_FALSE(host_.response_ended);
  EXPECT_EQ(run("http_fail", "how=trap_after_end").kind, EndKind::kTrap);
  EXPECT_TRUE(host_.response_ended);
}

TEST_F(EngineTest, CarriesOutboundRequests) {
  const auto program = test::loadGuest(*engine_, "http_outbound");
  InvocationStart begin;
  begin.has_input = true;
  begin.request = {.method = "POST", .authority = "a.test", .path = "/?url=https://peer.test/x", .headers = {}};
  Invocation invocation = start(*program, std::move(begin));
  invocation.push(bytesOf("question"));
  invocation.pushEnd();
  EXPECT_EQ(settle(invocation), PollOutcome::kWaiting);
  EXPECT_EQ(host_.outbound_target, "POST https://peer.test/x");
  EXPECT_EQ(host_.outbound_body, "question");
  EXPECT_TRUE(host_.outbound_body_complete);

  invocation.outboundHead(host_.outbound_id, 201, {});
  invocation.outboundPush(host_.outbound_id, bytesOf("answer"));
  for (int seen = wakes_.count(); settle(invocation) == PollOutcome::kWaiting; seen = wakes_.count()) {
    if (host_.outbound_consumed != 0) break;
    ASSERT_TRUE(wakes_.waitBeyond(seen, 10s)) << "the answer's head wakes nobody";
  }
  EXPECT_EQ(host_.outbound_consumed, 6u);
  invocation.outboundEnd(host_.outbound_id, {});
  EXPECT_EQ(finish(invocation).kind, EndKind::kReturned);
  EXPECT_EQ(host_.status, 201);
  EXPECT_EQ(out(Output::kResponseBody), "answer");
  EXPECT_EQ(host_.outbound_cancelled, 0u);
}

TEST_F(EngineTest, AnOutboundRequestThatFailsIsTheGuestsToAnswer) {
  host_.outbound_answer = OutboundFailure::kDenied;
  EXPECT_EQ(run("http_outbound", "url=http://peer.test/").kind, EndKind::kReturned);
  EXPECT_EQ(host_.status, 502);
}

TEST_F(EngineTest, AnInvocationThatEndsCancelsItsOutboundRequest) {
  const auto program = test::loadGuest(*engine_, "http_outbound");
  {
    InvocationStart begin;
    begin.request = {.method = "GET", .authority = "a.test", .path = "/?url=http://peer.test/", .headers = {}};
    Invocation invocation = start(*program, std::move(begin));
    EXPECT_EQ(settle(invocation), PollOutcome::kWaiting);
    EXPECT_NE(host_.outbound_id, 0u);
  }
  EXPECT_EQ(host_.outbound_cancelled, host_.outbound_id);
}

TEST_F(EngineTest, InstancesServeAgainWhereAskedTo) {
  const auto program = test::loadGuest(*engine_, "http_counter");
  Instance instance;
  for (int i = 1; i <= 3; ++i) {
    host_ = RecordingHost();
    InvocationStart begin;
    begin.instance = std::move(instance);
    Invocation invocation = start(*program, std::move(begin));
    ASSERT_EQ(finish(invocation).kind, EndKind::kReturned);
    EXPECT_EQ(out(Output::kResponseBody), std::to_string(i) + "\n");
    instance = invocation.takeInstance();
    EXPECT_TRUE(instance);
  }
  EXPECT_EQ(engine_->poolMetrics().live_memories, 1u);
}

TEST_F(EngineTest, DroppingAnInvocationLeavesItsInstancesNextUserAlone) {
  const auto program = test::loadGuest(*engine_, "http_counter");
  InvocationStart begin;
  {
    Invocation first = start(*program);
    ASSERT_EQ(finish(first).kind, EndKind::kReturned);
    begin.instance = first.takeInstance();
    host_ = RecordingHost();
    Invocation second = start(*program, std::move(begin));
    Invocation dropped = std::move(first);
    {
      const Invocation gone = std::move(dropped);
    }
    EXPECT_EQ(finish(second).kind, EndKind::kReturned);
  }
  EXPECT_EQ(out(Output::kResponseBody), "2\n");
  EXPECT_EQ(engine_->poolMetrics().live_memories, 0u);
}

TEST_F(EngineTest, AFullPoolRefusesUntilSomebodyEnds) {
  const auto program = test::loadGuest(*engine_, "sleep");
  std::vector<Invocation> parked;
  for (int i = 0; i < 8; ++i) {
    parked.push_back(start(*program));
    EXPECT_EQ(settle(parked.back()), PollOutcome::kWaiting);
  }
  InvocationStart begin;
  begin.memory_limit = 64_MiB;
  const auto refused = Invocation::start(*engine_, *program, host_, wakes_, std::move(begin));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kExhausted);
  parked.pop_back();
  Invocation next = start(*program);
  EXPECT_EQ(settle(next), PollOutcome::kWaiting);
}

}  // namespace
}  // namespace wasabi::engine
