#include "serve/tenant_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wasabi::serve {
namespace {

using namespace wasabi::literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

MemoryQuestion asked(policy::Verdict outlook) {
  MemoryQuestion question;
  question.version = {{"acme", "big"}, 3};
  question.declared = 64_MiB;
  question.figures.booking = 64_MiB;
  question.outlook = outlook;
  question.tenant = {"acme", {}};
  question.tenant.figures.booked = 80_MiB;
  question.tenant.figures.memory = 128_MiB;
  question.held = {{{"acme", "a"}, 16_MiB}, {{"acme", "b"}, 64_MiB}};
  return question;
}

TEST(TenantMemoryTest, WithoutAQuotaThereIsNothingToSay) {
  MemoryQuestion question = asked(policy::Verdict::kRun);
  question.tenant.figures.memory.reset();
  const MemoryWhy why = whyOf(question);
  EXPECT_EQ(why.answer, "");
  EXPECT_THAT(why.because, IsEmpty());
  EXPECT_THAT(why.to_run, IsEmpty());
}

TEST(TenantMemoryTest, SaysWhoHoldsHowMuchTheMostFirst) {
  const MemoryWhy why = whyOf(asked(policy::Verdict::kRun));
  EXPECT_EQ(why.answer, "");
  EXPECT_THAT(why.because, ElementsAre("memory quota: 80 MiB of acme's 128 MiB are held: acme/b 64 MiB, acme/a 16 MiB",
                                       "a request to acme/big@3 counts with 64 MiB, as limits.memory says"));
}

TEST(TenantMemoryTest, SaysHowMuchMustGetFree) {
  const MemoryWhy why = whyOf(asked(policy::Verdict::kTenantMemory));
  EXPECT_THAT(why.answer, HasSubstr("it would wait"));
  EXPECT_THAT(why.to_run,
              ElementsAre("requests of acme end that hold 16 MiB together, or the operator raises the quota "
                          "(wasabi tenant set acme --memory)"));
}

TEST(TenantMemoryTest, SaysThatItCouldNeverRunAndTheMend) {
  MemoryQuestion question = asked(policy::Verdict::kNever);
  question.tenant.figures.memory = 32_MiB;
  const MemoryWhy why = whyOf(question);
  EXPECT_EQ(why.answer,
            "it would be refused: acme/big@3 may need 64 MiB, more than the 32 MiB of its tenant's memory quota");
  EXPECT_THAT(why.to_run, ElementsAre(HasSubstr("smaller limits.memory")));
}

TEST(TenantMemoryTest, ManyHoldersAreCounted) {
  MemoryQuestion question = asked(policy::Verdict::kRun);
  for (int i = 0; i < 9; ++i) question.held[{"acme", "f" + std::to_string(i)}] = 1_MiB;
  const MemoryWhy why = whyOf(question);
  EXPECT_THAT(why.because[0], HasSubstr("acme/b 64 MiB, acme/a 16 MiB, acme/f0 1 MiB"));
  EXPECT_THAT(why.because[0], HasSubstr(", 6 others"));
}

TEST(TenantMemoryTest, SaysWhatAChargeRestsOn) {
  MemoryQuestion question = asked(policy::Verdict::kRun);
  question.figures.booking = ByteSize{(5 << 20) / 2};
  EXPECT_THAT(whyOf(question).because[1], HasSubstr("2.50 MiB, as its superpod last booked for one"));
  question.is_container = true;
  question.figures.booking = 64_MiB;
  EXPECT_EQ(whyOf(question).because[1], "a container of acme/big@3 counts with 64 MiB while a request runs on it");
}

TEST(TenantMemoryTest, MetricsNameQuotasOfThoseThatHaveOne) {
  TenantMemory with = asked(policy::Verdict::kRun).tenant;
  TenantMemory without{"b", {}};
  PrometheusText text;
  writeMetrics({with, without}, text);
  const std::string out = text.take();
  EXPECT_THAT(out, HasSubstr("wasabi_gateway_tenant_booked_bytes{tenant=\"acme\"} 83886080\n"));
  EXPECT_THAT(out, HasSubstr("wasabi_gateway_tenant_booked_bytes{tenant=\"b\"} 0\n"));
  EXPECT_THAT(out, HasSubstr("wasabi_gateway_tenant_memory_quota_bytes{tenant=\"acme\"} 134217728\n"));
  EXPECT_THAT(out, Not(HasSubstr("quota_bytes{tenant=\"b\"}")));
}

}  // namespace
}  // namespace wasabi::serve
