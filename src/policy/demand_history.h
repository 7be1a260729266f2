// What the invocations of one function were seen to need: the history that bookings rest on.
//
// A histogram of peaks in buckets of a quarter of a power of two, and the greatest peak, both decayed. How fast they
// forget is a matter of observations AND of time, whichever is slower:
// - by time alone, a function called once an hour would never have a history, and be booked at its limit for ever;
// - by number alone, a function called a thousand times a second would forget within seconds what it needs at noon.
// So a peak weighs half after kHalfLifeObservations others, but not before kHalfLife has passed, and at the latest
// after kMostObservations others (which bounds the weights). The maximum is what makes a bound safe, so it lives
// longer: what it exceeds the mean by halves after kMaximumHalfLifeObservations and not before kMaximumHalfLife. A
// higher peak raises it at once.
//
// A peak counts as the end of its bucket, or as the decayed maximum where that is less: errors go up. (A function that
// always needs the same is known exactly.)
//
// An invocation that was ended from outside or too early (trap, eviction, cancellation, timeout) tells only that its
// peak is no less than what was seen. Above the mean that is counted as if it were the peak, and it raises the maximum;
// below the mean it tells nothing, and counting it would pull the mean down, so it is left out. Therefore a function
// whose invocations never come to their end has no history, and is booked at its limit.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"

namespace wasabi::policy {

// All in bytes, rounded up, mean <= bound.
struct DemandEstimate {
  ByteSize mean;
  ByteSize deviation;  // standard deviation
  ByteSize bound;      // the decayed maximum and a margin, at most the declared limit
  std::uint32_t observations = 0;

  bool operator==(const DemandEstimate&) const = default;
};

class DemandHistory {
 public:
  // With fewer there is no estimate: a thing that happens once in a hundred calls should have had its chance.
  static constexpr std::uint32_t kNeededObservations = 100;
  static constexpr double kHalfLifeObservations = 1'000;
  static constexpr Duration kHalfLife = std::chrono::minutes(10);
  static constexpr double kMostObservations = 1'000'000;
  static constexpr double kMaximumHalfLifeObservations = 10'000;
  static constexpr Duration kMaximumHalfLife = std::chrono::hours(24);
  // What the bound adds to the decayed maximum, as a part of it.
  static constexpr double kMargin = 0.1;
  // Greater peaks count as this one.
  static constexpr ByteSize kGreatestPeak{std::uint64_t{1} << 40};

  explicit DemandHistory(TimePoint now) : as_of_(now) {}

  enum class Seen : std::uint8_t {
    kWhole,    // the invocation came to its end by itself: this was its peak
    kAtLeast,  // it was ended too early: its peak is unknown, and no less than this
  };
  // True if estimate() is worth asking again: the maximum rose, or some dozens of peaks were seen since the last time.
  bool record(ByteSize peak, Seen seen, TimePoint now);

  // Nothing while there is little history: the booking is the limit then.
  std::optional<DemandEstimate> estimate(ByteSize limit) const;

  // Those that count towards kNeededObservations.
  std::uint32_t observations() const { return observations_; }

  // Times are left out, since they mean nothing after a restart: a decoded history is as if made at `now`.
  // One line of printable ASCII without its end. Decoding accepts only what encoding writes.
  static constexpr std::size_t kLongestText = 1'500;
  std::string encode() const;
  static std::optional<DemandHistory> decode(std::string_view text, TimePoint now);

 private:
  // The first bucket ends at 64 KiB, a page of WebAssembly; the last one holds all that is above the one before.
  static constexpr std::size_t kBuckets = 64;
  static constexpr int kFirstBits = 16;

  static std::size_t bucketOf(std::uint64_t peak);
  static double endOf(std::size_t bucket);
  double meanPeak() const;
  double partOfNew(TimePoint now) const;
  void forgetMaximum(TimePoint now);
  void addWeight(std::size_t bucket, TimePoint now);

  // In units that grow with each observation instead of all weights becoming less; `unit_` is what the next one weighs.
  std::array<float, kBuckets> weights_{};
  double unit_ = 1;
  double maximum_ = 0;
  double mean_ = 0;  // as it was some observations ago
  TimePoint as_of_;
  std::uint32_t observations_ = 0;
  std::uint32_t since_mean_ = 0;
};

static_assert(sizeof(DemandHistory) <= 300, "10,000 functions have one each");

}  // namespace wasabi::policy
