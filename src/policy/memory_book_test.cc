#include "policy/memory_book.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace wasabi::policy {
namespace {

using namespace wasabi::literals;
using Verdict = MemoryBook::Verdict;

constexpr FunctionId kFirst{0};
constexpr FunctionId kSecond{1};

DemandEstimate estimateOf(ByteSize mean, ByteSize deviation, ByteSize bound) {
  return {mean, deviation, bound, 1000};
}

TEST(MemoryBookTest, DeclaredBooksTheLimits) {
  MemoryBook book(100_MiB, BookingMode::declared());
  book.setLimit(kFirst, 40_MiB);
  EXPECT_EQ(book.book(kFirst), 40_MiB);
  EXPECT_EQ(book.book(kFirst), 40_MiB);
  const auto third = book.offer(kFirst);
  EXPECT_EQ(third.verdict, Verdict::kNoRoom);
  EXPECT_EQ(third.booked, 120_MiB);
  EXPECT_EQ(third.bookable, 100_MiB);
  book.release(kFirst);
  EXPECT_EQ(book.offer(kFirst).verdict, Verdict::kFits);
}

TEST(MemoryBookTest, TheLastByteCounts) {
  MemoryBook book(80_MiB, BookingMode::declared());
  book.setLimit(kFirst, 40_MiB);
  book.book(kFirst);
  EXPECT_EQ(book.offer(kFirst).verdict, Verdict::kFits);
  book.setUnbooked(1_B);
  EXPECT_EQ(book.offer(kFirst).verdict, Verdict::kNoRoom);
}

TEST(MemoryBookTest, RatioBooksTheLimitsUpToSoManyTimesTheRoom) {
  MemoryBook book(100_MiB, BookingMode::ratioOf(1.43));
  book.setLimit(kFirst, 40_MiB);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(book.book(kFirst), 40_MiB);
  EXPECT_EQ(book.offer(kFirst).verdict, Verdict::kNoRoom);
}

TEST(MemoryBookTest, RiskBooksTheBernsteinBound) {
  MemoryBook book(10_GiB, BookingMode::riskOf(1e-3));
  book.setLimit(kFirst, 200_MiB);
  book.setLimit(kSecond, 200_MiB);
  book.setEstimate(kFirst, estimateOf(20_MiB, 2_MiB, 26_MiB));
  book.setEstimate(kSecond, estimateOf(10_MiB, 3_MiB, 30_MiB));
  for (int i = 0; i < 3; ++i) book.book(kFirst);
  for (int i = 0; i < 2; ++i) book.book(kSecond);
  const double t = std::log(1000);
  // 2 x (30 - 10) is the greater range.
  const double expected = 80 + std::sqrt(2 * t * (6.0 * 6.0 + 6.0 * 6.0)) + 40 * t / 3;
  EXPECT_NEAR(static_cast<double>(book.booked().value), expected * (1 << 20), 2);
}

TEST(MemoryBookTest, WhatATenantHoldsIsTheSumOfItsInvocationsEachTakenAlone) {
  constexpr TenantId kMine{0};
  constexpr TenantId kTheirs{1};
  MemoryBook book(10_GiB, BookingMode::declared());
  book.setLimit(kFirst, 200_MiB);
  book.setLimit(kSecond, 100_MiB);
  book.setTenant(kSecond, kTheirs);
  for (int i = 0; i < 3; ++i) book.book(kFirst);
  book.book(kSecond);
  EXPECT_EQ(book.heldBy(kMine), 600_MiB);
  EXPECT_EQ(book.heldBy(kTheirs), 100_MiB);
  EXPECT_EQ(book.offer(kSecond).held, 200_MiB);
  EXPECT_EQ(book.heldBy({7}), 0_B);

  book.setMode(BookingMode::riskOf(1e-3));
  EXPECT_EQ(book.heldBy(kMine), 600_MiB) << "no estimate yet";
  book.setEstimate(kFirst, estimateOf(20_MiB, 2_MiB, 26_MiB));
  const double t = std::log(1000);
  EXPECT_NEAR(static_cast<double>(book.heldBy(kMine).value), 3 * (20 + 2 * std::sqrt(2 * t) + 6 * t / 3) * (1 << 20),
              3);
  EXPECT_EQ(book.heldBy(kTheirs), 100_MiB) << "others do not change it";
  book.setMode(BookingMode::declared());
  EXPECT_EQ(book.heldBy(kMine), 600_MiB);
  book.setLimit(kFirst, 50_MiB);
  EXPECT_EQ(book.heldBy(kMine), 150_MiB);
  for (int i = 0; i < 3; ++i) book.release(kFirst);
  EXPECT_EQ(book.heldBy(kMine), 0_B);
}

TEST(MemoryBookTest, WithoutAnEstimateTheLimitIsBooked) {
  MemoryBook book(10_GiB, BookingMode::riskOf(1e-3));
  book.setLimit(kFirst, 200_MiB);
  book.setLimit(kSecond, 200_MiB);
  book.setEstimate(kFirst, estimateOf(20_MiB, 2_MiB, 26_MiB));
  book.book(kFirst);
  EXPECT_EQ(book.book(kSecond), 200_MiB);
  book.setEstimate(kFirst, std::nullopt);
  EXPECT_EQ(book.booked(), 400_MiB);
}

TEST(MemoryBookTest, TheBoundIsNeverAboveTheLimits) {
  MemoryBook book(10_GiB, BookingMode::riskOf(1e-9));
  book.setLimit(kFirst, 30_MiB);
  book.setEstimate(kFirst, estimateOf(20_MiB, 8_MiB, 30_MiB));
  EXPECT_EQ(book.book(kFirst), 30_MiB);
}

TEST(MemoryBookTest, OneHigherPeakBooksTheFunctionAboveItForAllItsInvocations) {
  MemoryBook book(10_GiB, BookingMode::riskOf(1e-2));
  book.setLimit(kFirst, 200_MiB);
  book.setEstimate(kFirst, estimateOf(8_MiB, 0_MiB, 9_MiB));
  for (int i = 0; i < 10; ++i) book.book(kFirst);
  book.setEstimate(kFirst, estimateOf(8_MiB, 0_MiB, 100_MiB));
  EXPECT_GT(book.booked(), 1000_MiB);
}

TEST(MemoryBookTest, WhatIsHeldBesidesReducesTheRoom) {
  MemoryBook book(100_MiB, BookingMode::declared());
  book.setLimit(kFirst, 40_MiB);
  book.book(kFirst);
  book.setUnbooked(30_MiB);
  EXPECT_EQ(book.bookable(), 70_MiB);
  EXPECT_EQ(book.offer(kFirst).verdict, Verdict::kNoRoom);
  book.setUnbooked(200_MiB);
  EXPECT_EQ(book.bookable(), 0_MiB);
}

TEST(MemoryBookTest, AnEmptyBoxTakesWhateverIsNotAboveItsCapacity) {
  MemoryBook book(100_MiB, BookingMode::riskOf(1e-3));
  book.setUnbooked(50_MiB);
  book.setLimit(kFirst, 100_MiB);
  book.setLimit(kSecond, 101_MiB);
  book.setEstimate(kSecond, estimateOf(1_MiB, 0_MiB, 2_MiB));
  EXPECT_EQ(book.offer(kSecond).verdict, Verdict::kNever);
  EXPECT_EQ(book.offer(kFirst).verdict, Verdict::kFits);
  EXPECT_EQ(book.book(kFirst), 100_MiB);
  EXPECT_EQ(book.offer(kFirst).verdict, Verdict::kNoRoom);
}

TEST(MemoryBookTest, AnEstimateOfAHigherLimitIsCutToTheLimitNow) {
  MemoryBook book(1_GiB, BookingMode::riskOf(1e-3));
  book.setLimit(kFirst, 200_MiB);
  book.setEstimate(kFirst, estimateOf(60_MiB, 10_MiB, 90_MiB));
  book.setLimit(kFirst, 50_MiB);
  EXPECT_EQ(book.book(kFirst), 50_MiB);
  book.setLimit(kFirst, 200_MiB);
  EXPECT_GT(book.booked(), 100_MiB);
}

TEST(MemoryBookTest, AForgottenFunctionIsUnknown) {
  MemoryBook book(1_GiB, BookingMode::riskOf(1e-3));
  book.setLimit(kFirst, 200_MiB);
  book.setEstimate(kFirst, estimateOf(60_MiB, 10_MiB, 90_MiB));
  book.forget(kFirst);
  book.setLimit(kFirst, 100_MiB);
  EXPECT_EQ(book.book(kFirst), 100_MiB);
}

TEST(MemoryBookDeathTest, MisuseEndsTheProcess) {
  MemoryBook book(100_MiB, BookingMode::declared());
  book.setLimit(kFirst, 60_MiB);
  EXPECT_DEATH(book.release(kFirst), "admitted > 0");
  EXPECT_DEATH(book.offer(kSecond), "accounts_.size");
  book.book(kFirst);
  EXPECT_DEATH(book.book(kFirst), "kFits");
  EXPECT_DEATH(book.forget(kFirst), "admitted == 0");
}

// ---- random histories ---------------------------------------------------------------------------------------------

struct Setup {
  ByteSize limit;
  std::optional<DemandEstimate> estimate;
};

rc::Gen<Setup> setups() {
  return rc::gen::exec([] {
    const auto limit = *rc::gen::inRange<std::uint64_t>(1, 1 << 28);
    if (*rc::gen::inRange(0, 4) == 0) return Setup{{limit}, std::nullopt};
    const auto bound = *rc::gen::inRange<std::uint64_t>(0, limit + 1);
    const auto mean = *rc::gen::inRange<std::uint64_t>(0, bound + 1);
    const auto deviation = *rc::gen::inRange<std::uint64_t>(0, bound + 1);
    return Setup{{limit}, estimateOf({mean}, {deviation}, {bound})};
  });
}

rc::Gen<BookingMode> modes() {
  return rc::gen::element(BookingMode::declared(), BookingMode::ratioOf(1.43), BookingMode::riskOf(1e-2),
                          BookingMode::riskOf(1e-3));
}

std::vector<Setup> someFunctions() {
  return *rc::gen::suchThat(rc::gen::container<std::vector<Setup>>(setups()),
                            [](const auto& all) { return !all.empty() && all.size() <= 40; });
}

void teach(MemoryBook& book, FunctionId function, const Setup& setup) {
  book.setLimit(function, setup.limit);
  book.setEstimate(function, setup.estimate);
}

// The book from nothing but the formula of the header.
double expectedBooked(const std::vector<Setup>& functions, const std::vector<std::uint32_t>& admitted,
                      BookingMode mode) {
  double limits = 0;
  double means = 0;
  double variances = 0;
  double range = 0;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    const double n = admitted[i];
    const auto limit = static_cast<double>(functions[i].limit.value);
    limits += n * limit;
    const auto& estimate = functions[i].estimate;
    means += n * (estimate ? static_cast<double>(estimate->mean.value) : limit);
    if (!estimate) continue;
    variances += std::pow(n * static_cast<double>(estimate->deviation.value), 2);
    range = std::max(range, n * static_cast<double>((estimate->bound - estimate->mean).value));
  }
  if (mode.kind != BookingMode::Kind::kRisk) return limits;
  const double t = -std::log(mode.risk);
  return std::min(limits, means + std::sqrt(2 * variances * t) + range * t / 3);
}

RC_GTEST_PROP(MemoryBookTest, EveryBookingReturnsExactlyOnceInAnyOrder, ()) {
  auto functions = someFunctions();
  const auto mode = *modes();
  const ByteSize capacity{*rc::gen::inRange<std::uint64_t>(1 << 20, std::uint64_t{1} << 32)};
  MemoryBook book(capacity, mode);
  std::vector<std::uint32_t> admitted(functions.size());
  std::uint64_t bookings = 0;
  for (std::uint32_t i = 0; i < functions.size(); ++i) teach(book, {i}, functions[i]);
  for (const std::uint32_t bits :
       *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>())) {
    const FunctionId function{static_cast<std::uint32_t>(bits % functions.size())};
    const auto action = (bits >> 16) % 8;
    if (action < 4) {
      const auto offer = book.offer(function);
      const auto before = book.booked();
      if (offer.verdict != Verdict::kFits) {
        RC_ASSERT(bookings > 0 || functions[function.value].limit > capacity);
        RC_ASSERT(offer.booked > offer.bookable || functions[function.value].limit > capacity);
        continue;
      }
      RC_ASSERT(book.book(function) == offer.charge);
      RC_ASSERT(book.booked() == offer.booked);
      RC_ASSERT(book.booked() == before + offer.charge);
      ++admitted[function.value];
      ++bookings;
    } else if (action < 6 && admitted[function.value] > 0) {
      book.release(function);
      --admitted[function.value];
      --bookings;
    } else if (action == 6) {
      functions[function.value] = *setups();
      teach(book, function, functions[function.value]);
    }
    const double expected = expectedBooked(functions, admitted, mode);
    RC_ASSERT(std::abs(static_cast<double>(book.booked().value) - expected) <= 2 + 1e-9 * expected);
    RC_ASSERT(book.admitted() == bookings);
  }
  for (std::uint32_t i = 0; i < functions.size(); ++i) {
    while (admitted[i] > 0) {
      book.release({i});
      --admitted[i];
    }
  }
  RC_ASSERT(book.booked() == ByteSize{0});
  RC_ASSERT(book.sumOfLimits() == ByteSize{0});
  // What was left behind would show in the next booking.
  MemoryBook fresh(capacity, mode);
  for (std::uint32_t i = 0; i < functions.size(); ++i) teach(fresh, {i}, functions[i]);
  for (std::uint32_t i = 0; i < functions.size(); ++i) RC_ASSERT(book.offer({i}).booked == fresh.offer({i}).booked);
}

RC_GTEST_PROP(MemoryBookTest, NothingIsBookedBeyondWhatMayBe, ()) {
  auto functions = someFunctions();
  const auto mode = *modes();
  // Of few bytes each, sums often come to lie at the capacity itself.
  const bool few_bytes = *rc::gen::arbitrary<bool>();
  for (Setup& setup : functions) {
    if (few_bytes) setup = {{1 + setup.limit.value % 8}, std::nullopt};
  }
  const ByteSize capacity{few_bytes ? *rc::gen::inRange<std::uint64_t>(8, 40)
                                    : *rc::gen::inRange<std::uint64_t>(1 << 20, std::uint64_t{1} << 32)};
  MemoryBook book(capacity, mode);
  for (std::uint32_t i = 0; i < functions.size(); ++i) teach(book, {i}, functions[i]);
  std::uint64_t limits = 0;
  for (const std::uint32_t bits :
       *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>())) {
    const FunctionId function{static_cast<std::uint32_t>(bits % functions.size())};
    if (book.offer(function).verdict == Verdict::kFits) {
      book.book(function);
      limits += functions[function.value].limit.value;
    } else if (book.admitted(function) > 0) {
      book.release(function);
      limits -= functions[function.value].limit.value;
    }
    RC_ASSERT(book.booked() <= book.bookable());
    RC_ASSERT(book.sumOfLimits() == ByteSize{limits});
    if (mode.kind == BookingMode::Kind::kDeclared) RC_ASSERT(limits <= capacity.value);
  }
}

RC_GTEST_PROP(MemoryBookTest, TheOrderOfFunctionsDoesNotMatter, ()) {
  const auto functions = someFunctions();
  const auto mode = *modes();
  std::vector<std::uint32_t> place(functions.size());
  std::iota(place.begin(), place.end(), 0U);
  for (std::size_t i = place.size(); i > 1; --i) {
    std::swap(place[i - 1], place[*rc::gen::inRange<std::size_t>(0, i)]);
  }
  MemoryBook here(ByteSize{std::uint64_t{1} << 40}, mode);
  MemoryBook there(ByteSize{std::uint64_t{1} << 40}, mode);
  for (std::uint32_t i = 0; i < functions.size(); ++i) teach(here, {i}, functions[i]);
  for (std::uint32_t i = 0; i < functions.size(); ++i) teach(there, {place[i]}, functions[i]);
  for (const auto index : *rc::gen::container<std::vector<std::uint16_t>>(rc::gen::arbitrary<std::uint16_t>())) {
    const auto function = static_cast<std::uint32_t>(index % functions.size());
    RC_ASSERT(here.book({function}) == there.book({place[function]}));
    RC_ASSERT(here.booked() == there.booked());
  }
}

RC_GTEST_PROP(MemoryBookTest, MoreInvocationsOrLessRiskNeverBookLess, ()) {
  const auto functions = someFunctions();
  const double less_risk = *rc::gen::element(1e-12, 1e-6, 1e-4);
  MemoryBook book(ByteSize{std::uint64_t{1} << 40}, BookingMode::riskOf(1e-3));
  MemoryBook careful(ByteSize{std::uint64_t{1} << 40}, BookingMode::riskOf(less_risk));
  for (std::uint32_t i = 0; i < functions.size(); ++i) teach(book, {i}, functions[i]);
  for (std::uint32_t i = 0; i < functions.size(); ++i) teach(careful, {i}, functions[i]);
  for (const auto index : *rc::gen::container<std::vector<std::uint16_t>>(rc::gen::arbitrary<std::uint16_t>())) {
    const FunctionId function{static_cast<std::uint32_t>(index % functions.size())};
    const auto before = book.booked();
    book.book(function);
    careful.book(function);
    RC_ASSERT(book.booked() >= before);
    RC_ASSERT(careful.booked() >= book.booked());
    RC_ASSERT(careful.booked() <= careful.sumOfLimits());
  }
}

RC_GTEST_PROP(MemoryBookTest, FunctionsThatComeLaterFindTheBookAsItIs, ()) {
  const auto functions = someFunctions();
  MemoryBook grown(ByteSize{std::uint64_t{1} << 40}, BookingMode::riskOf(1e-3));
  MemoryBook known(ByteSize{std::uint64_t{1} << 40}, BookingMode::riskOf(1e-3));
  for (std::uint32_t i = 0; i < functions.size(); ++i) teach(known, {i}, functions[i]);
  for (std::uint32_t i = 0; i < functions.size(); ++i) {
    teach(grown, {i}, functions[i]);
    RC_ASSERT(grown.book({i}) == known.book({i}));
  }
}

}  // namespace
}  // namespace wasabi::policy
