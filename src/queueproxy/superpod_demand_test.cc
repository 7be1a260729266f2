#include "queueproxy/superpod_demand.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <optional>

namespace wasabi::queueproxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kStart{std::chrono::hours(1)};
constexpr ByteSize kUnit{std::uint64_t{200} << 20};

// A box of 65 units (13,000 MiB) and 4 cores.
BoxReading box() {
  BoxReading reading;
  reading.ready = true;
  reading.capacity_memory = {std::uint64_t{13'000} << 20};
  reading.capacity_cpu = 4;
  return reading;
}

TEST(SuperpodDemandTest, UnitsAreTheAverageOfRunningAndWaitingBetweenTwoReadings) {
  SuperpodDemand demand(kUnit);
  BoxReading reading = box();
  reading.booked_unit_seconds = 100;
  reading.waiting_unit_seconds = 10;
  demand.answered(reading, kStart);
  reading.booked_unit_seconds += 40;
  reading.waiting_unit_seconds += 20;
  demand.answered(reading, kStart + seconds(2));
  EXPECT_EQ(demand.units(kStart + seconds(2)), 30);
}

// The present shows nothing of it, the difference does.
TEST(SuperpodDemandTest, ABurstBetweenTwoReadingsIsNotLost) {
  SuperpodDemand demand(kUnit);
  demand.answered(box(), kStart);
  BoxReading later = box();
  later.booked_unit_seconds = 5;
  demand.answered(later, kStart + seconds(1));
  EXPECT_EQ(demand.units(kStart + seconds(1)), 5);
}

TEST(SuperpodDemandTest, TheFirstReadingTellsThePresent) {
  SuperpodDemand demand(kUnit);
  EXPECT_EQ(demand.units(kStart), std::nullopt);
  EXPECT_FALSE(demand.ready());
  BoxReading reading = box();
  reading.booked_unit_seconds = 1000;
  reading.cpu_seconds = 1000;
  reading.booked_units = 3;
  reading.waiting_units = 2.5;
  demand.answered(reading, kStart);
  EXPECT_EQ(demand.units(kStart), 5.5);
  EXPECT_TRUE(demand.ready());
}

TEST(SuperpodDemandTest, ABoxThatBeganAnewTellsThePresent) {
  for (const int which : {0, 1, 2, 3}) {
    SuperpodDemand demand(kUnit);
    BoxReading reading = box();
    reading.booked_unit_seconds = reading.waiting_unit_seconds = reading.cpu_seconds = 100;
    reading.requests = 100;
    demand.answered(reading, kStart);
    if (which == 0) reading.booked_unit_seconds = 1;
    if (which == 1) reading.waiting_unit_seconds = 1;
    if (which == 2) reading.cpu_seconds = 1;
    if (which == 3) reading.requests = 1;
    reading.booked_units = 7;
    demand.answered(reading, kStart + seconds(1));
    EXPECT_EQ(demand.units(kStart + seconds(1)), 7) << which;
  }
}

TEST(SuperpodDemandTest, WhereCpuIsScarcerItCounts) {
  SuperpodDemand demand(kUnit);
  BoxReading reading = box();
  demand.answered(reading, kStart);
  // 3 of 4 cores for a second, with 10 of 65 units booked.
  reading.booked_unit_seconds = 10;
  reading.cpu_seconds = 3;
  demand.answered(reading, kStart + seconds(1));
  EXPECT_EQ(demand.units(kStart + seconds(1)), 65 * 0.75);
  // Who waits wants of the CPU what those want who run: 10 more units of memory are as much again.
  reading.booked_unit_seconds += 10;
  reading.waiting_unit_seconds += 10;
  reading.cpu_seconds += 3;
  demand.answered(reading, kStart + seconds(2));
  EXPECT_EQ(demand.units(kStart + seconds(2)), 2 * 65 * 0.75);
}

TEST(SuperpodDemandTest, WhereMemoryIsScarcerCpuDoesNotAddToIt) {
  SuperpodDemand demand(kUnit);
  BoxReading reading = box();
  demand.answered(reading, kStart);
  reading.booked_unit_seconds = 60;
  reading.waiting_unit_seconds = 5;
  reading.cpu_seconds = 2;
  demand.answered(reading, kStart + seconds(1));
  EXPECT_EQ(demand.units(kStart + seconds(1)), 65);
}

TEST(SuperpodDemandTest, TheUnitIsAsSet) {
  SuperpodDemand demand({std::uint64_t{50} << 20});
  BoxReading reading = box();
  reading.booked_units = 2;
  demand.answered(reading, kStart);
  EXPECT_EQ(demand.units(kStart), 8);
}

TEST(SuperpodDemandTest, WithoutAnAnswerItIsNotReadyAndTheLastFigureStandsForAWhileNeverZero) {
  SuperpodDemand demand(kUnit);
  BoxReading reading = box();
  reading.booked_units = 9;
  demand.answered(reading, kStart);
  demand.didNotAnswer();
  EXPECT_FALSE(demand.ready());
  EXPECT_EQ(demand.units(kStart + SuperpodDemand::kHeldFor), 9);
  EXPECT_EQ(demand.units(kStart + SuperpodDemand::kHeldFor + Duration(1)), std::nullopt);
  demand.answered(reading, kStart + seconds(60));
  EXPECT_TRUE(demand.ready());
  EXPECT_EQ(demand.units(kStart + seconds(60)), 0) << "the figures say that nothing was booked in between";
}

TEST(SuperpodDemandTest, ABoxThatSaysItIsNotReadyIsNot) {
  SuperpodDemand demand(kUnit);
  BoxReading reading = box();
  reading.ready = false;
  reading.booked_units = 1;
  demand.answered(reading, kStart);
  EXPECT_FALSE(demand.ready());
  EXPECT_EQ(demand.units(kStart), 1);
}

TEST(SuperpodDemandTest, TwoAnswersAtOneTimeLeaveTheFirstFigure) {
  SuperpodDemand demand(kUnit);
  BoxReading reading = box();
  reading.booked_units = 4;
  demand.answered(reading, kStart);
  reading.booked_unit_seconds = 100;
  demand.answered(reading, kStart);
  EXPECT_EQ(demand.units(kStart), 4);
}

TEST(UnitsWithWaitingTest, WhoWaitsHereIsTakenForAsLargeAsThoseInTheBox) {
  EXPECT_EQ(unitsWithWaiting(30, 10, 0), 30);
  EXPECT_EQ(unitsWithWaiting(30, 10, 5), 45);
  EXPECT_EQ(unitsWithWaiting(0, 0, 5), 5);
  EXPECT_EQ(unitsWithWaiting(1, 3, 1), std::round(4.0 / 3 * 1024) / 1024);
}

std::string loadWith(std::string_view name, std::string_view value) {
  std::string text = "{\"ready\":true";
  for (const std::string_view figure : {"booked_unit_seconds", "waiting_unit_seconds", "cpu_seconds", "requests",
                                        "booked_units", "waiting_units", "capacity_memory_bytes", "capacity_cpu"}) {
    text += fmt::format(",\"{}\":{}", figure, figure == name ? value : "2.5");
  }
  return text + ",\"outcomes\":{\"served\":1},\"versions\":[{\"running\":1}]}";
}

TEST(BoxReadingTest, ReadsWhatABoxSays) {
  const auto reading = parseBoxReading(loadWith("requests", "7"));
  ASSERT_TRUE(reading) << reading.error().message();
  EXPECT_TRUE(reading->ready);
  EXPECT_EQ(reading->requests, 7u);
  EXPECT_EQ(reading->booked_unit_seconds, 2.5);
  EXPECT_EQ(reading->capacity_cpu, 2.5);
  EXPECT_EQ(reading->capacity_memory.value, 2u);
}

TEST(BoxReadingTest, WhatIsNoLoadIsRefused) {
  for (const char* bad : {"", "[]", "null", "{}", "{\"ready\":1}", "{\"ready\":true}"}) {
    EXPECT_FALSE(parseBoxReading(bad)) << bad;
  }
  for (const char* value : {"-1", "1e300", "\"1\"", "null", "1e16", "NaN"}) {
    EXPECT_FALSE(parseBoxReading(loadWith("waiting_unit_seconds", value))) << value;
  }
  EXPECT_FALSE(parseBoxReading(std::string(100'000, '[')));
}

// Whatever a box says, in whatever order and at whatever times: finite, not negative, a multiple of 1/1024; and
// something was always booked where something was.
RC_GTEST_PROP(SuperpodDemandProperty, FiguresAreAlwaysOfUse, (const std::vector<std::array<std::uint32_t, 6>>& told)) {
  SuperpodDemand demand({*rc::gen::inRange<std::uint64_t>(1, 4096) << 20});
  TimePoint now = kStart;
  for (const auto& figures : told) {
    BoxReading reading;
    reading.ready = true;
    reading.booked_unit_seconds = figures[0] * 1e3;
    reading.waiting_unit_seconds = figures[1] * 1e3;
    reading.cpu_seconds = figures[2];
    reading.booked_units = figures[3];
    reading.capacity_memory = {std::uint64_t{figures[3]} << 16};
    reading.capacity_cpu = figures[4];
    now += Duration(figures[5]);
    demand.answered(reading, now);
    const auto units = demand.units(now);
    RC_ASSERT(units.has_value());
    RC_ASSERT(std::isfinite(*units) && *units >= 0 && *units <= SuperpodDemand::kMostUnits);
    RC_ASSERT(*units * 1024 == std::floor(*units * 1024));
    const double more = unitsWithWaiting(*units, figures[4], figures[5]);
    RC_ASSERT(std::isfinite(more) && more >= *units - 1.0 / 1024);
  }
}

// However often the same load is read, the areas of the figures add up to what was booked.
RC_GTEST_PROP(SuperpodDemandProperty, ReadingOftenerLosesNothing, (const std::vector<std::uint16_t>& steps)) {
  SuperpodDemand demand(kUnit);
  BoxReading reading;
  TimePoint now = kStart;
  demand.answered(reading, now);
  double area = 0;
  for (const std::uint16_t step : steps) {
    const Duration passed = milliseconds(1 + step % 3000);
    now += passed;
    reading.booked_unit_seconds += step;
    demand.answered(reading, now);
    area += *demand.units(now) * toSeconds(passed);
  }
  const double rounding = static_cast<double>(steps.size()) * 3.0 / 1024;
  RC_ASSERT(std::abs(area - reading.booked_unit_seconds) <= rounding + 1e-6 * area);
}

}  // namespace
}  // namespace wasabi::queueproxy
