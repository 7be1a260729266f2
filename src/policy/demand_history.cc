#include "policy/demand_history.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

namespace wasabi::policy {
namespace {

constexpr std::string_view kVersion = "1";
// Beyond this the unit and all weights are divided by it; a power of two, so that nothing is rounded.
constexpr double kGreatestUnit = 0x1p40;
// Of all weights together, in units: a half-life of kMostObservations makes 1.44 times that, and floats round.
constexpr double kGreatestWeight = 2 * DemandHistory::kMostObservations;
constexpr std::uint32_t kObservationsPerMean = 32;

double secondsBetween(TimePoint from, TimePoint to) {
  return std::max(0.0, toSeconds(to - from));
}

// False for what is no number.
bool within(double value, double least, double most) {
  return least <= value && value <= most;
}

std::uint64_t roundedUp(double bytes) {
  return static_cast<std::uint64_t>(std::ceil(bytes));
}

// Takes " <number>" off the front.
template <typename Number>
std::optional<Number> takeNumber(std::string_view& text) {
  if (!text.starts_with(' ')) return std::nullopt;
  Number number{};
  const auto [rest, error] = std::from_chars(text.data() + 1, text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return number;
}

template <typename Number>
void appendNumber(std::string& text, Number number) {
  text += ' ';
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  text.append(digits.data(), end);
}

}  // namespace

// Four buckets to a power of two: the two bits after the leading one say which. A bucket's end belongs to it, so that
// a peak of whole pages, as most are, is often exactly an end.
std::size_t DemandHistory::bucketOf(std::uint64_t peak) {
  if (peak <= std::uint64_t{1} << kFirstBits) return 0;
  const std::uint64_t last = peak - 1;
  const int octave = static_cast<int>(std::bit_width(last)) - 1;
  const auto quarter = static_cast<std::size_t>((last >> (octave - 2)) & 3U);
  return std::min(4 * static_cast<std::size_t>(octave - kFirstBits) + quarter + 1, kBuckets - 1);
}

double DemandHistory::endOf(std::size_t bucket) {
  if (bucket == 0) return std::uint64_t{1} << kFirstBits;
  if (bucket == kBuckets - 1) return static_cast<double>(kGreatestPeak.value);
  const std::uint64_t quarters = 5 + (bucket - 1) % 4;
  return static_cast<double>(quarters << (kFirstBits - 2 + (bucket - 1) / 4));
}

double DemandHistory::meanPeak() const {
  double total = 0;
  double sum = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    total += static_cast<double>(weights_[i]);
    sum += static_cast<double>(weights_[i]) * std::min(endOf(i), maximum_);
  }
  return total > 0 ? sum / total : 0;
}

// How much of its weight everything before loses to one observation made now, as a power of two.
double DemandHistory::partOfNew(TimePoint now) const {
  const double by_time = secondsBetween(as_of_, now) / toSeconds(kHalfLife);
  return std::clamp(by_time, 1 / kMostObservations, 1 / kHalfLifeObservations);
}

void DemandHistory::forgetMaximum(TimePoint now) {
  const double by_time = secondsBetween(as_of_, now) / toSeconds(kMaximumHalfLife);
  const double lost = std::min(by_time, 1 / kMaximumHalfLifeObservations);
  if (maximum_ > mean_) maximum_ = mean_ + (maximum_ - mean_) * std::exp2(-lost);
}

bool DemandHistory::record(ByteSize peak, Seen seen, TimePoint now) {
  const std::uint64_t bytes = std::min(peak, kGreatestPeak).value;
  const auto value = static_cast<double>(bytes);
  const bool rises = value > maximum_;
  if (seen == Seen::kAtLeast) {
    if (observations_ == 0) maximum_ = std::max(maximum_, value);
    if (observations_ == 0 || value <= mean_) return false;
  }
  forgetMaximum(now);
  maximum_ = std::max(maximum_, value);
  addWeight(bucketOf(bytes), now);
  as_of_ = std::max(as_of_, now);
  if (seen == Seen::kWhole && observations_ < std::numeric_limits<std::uint32_t>::max()) ++observations_;

  const bool first = seen == Seen::kWhole && (observations_ == 1 || observations_ == kNeededObservations);
  if (!rises && !first && ++since_mean_ < kObservationsPerMean) return false;
  since_mean_ = 0;
  mean_ = meanPeak();
  return observations_ >= kNeededObservations;
}

void DemandHistory::addWeight(std::size_t bucket, TimePoint now) {
  unit_ *= std::exp2(partOfNew(now));
  if (unit_ > kGreatestUnit) {
    unit_ /= kGreatestUnit;
    for (float& weight : weights_) weight = static_cast<float>(static_cast<double>(weight) / kGreatestUnit);
  }
  weights_[bucket] = static_cast<float>(static_cast<double>(weights_[bucket]) + unit_);
}

std::optional<DemandEstimate> DemandHistory::estimate(ByteSize limit) const {
  if (observations_ < kNeededObservations) return std::nullopt;
  const auto most = static_cast<double>(std::min(limit.value, 2 * kGreatestPeak.value));
  const double mean = std::min(meanPeak(), most);
  double total = 0;
  double squares = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    const double off = std::min({endOf(i), maximum_, most}) - mean;
    total += static_cast<double>(weights_[i]);
    squares += static_cast<double>(weights_[i]) * off * off;
  }
  if (!(total > 0)) return std::nullopt;
  const double bound = std::min(std::max(maximum_ * (1 + kMargin), mean), most);
  return DemandEstimate{{roundedUp(mean)}, {roundedUp(std::sqrt(squares / total))}, {roundedUp(bound)}, observations_};
}

// "1 <observations> <maximum>", then " <bucket> <weight in units>" for each bucket that has any.
std::string DemandHistory::encode() const {
  std::string text(kVersion);
  appendNumber(text, observations_);
  appendNumber(text, maximum_);
  for (std::size_t i = 0; i < kBuckets; ++i) {
    const auto weight = static_cast<float>(static_cast<double>(weights_[i]) / unit_);
    if (!(weight > 0)) continue;
    appendNumber(text, i);
    appendNumber(text, weight);
  }
  return text;
}

std::optional<DemandHistory> DemandHistory::decode(std::string_view text, TimePoint now) {
  const std::string_view whole = text;
  if (text.size() > kLongestText || !text.starts_with(kVersion)) return std::nullopt;
  text.remove_prefix(kVersion.size());
  const auto observations = takeNumber<std::uint32_t>(text);
  const auto maximum = takeNumber<double>(text);
  if (!observations || !maximum) return std::nullopt;
  if (!within(*maximum, 0, static_cast<double>(kGreatestPeak.value))) return std::nullopt;

  DemandHistory history(now);
  history.observations_ = *observations;
  history.maximum_ = *maximum;
  double total = 0;
  while (!text.empty()) {
    const auto bucket = takeNumber<std::size_t>(text);
    const auto weight = takeNumber<float>(text);
    if (!bucket || !weight || *bucket >= kBuckets) return std::nullopt;
    if (!within(static_cast<double>(*weight), 0, kGreatestWeight)) return std::nullopt;
    history.weights_[*bucket] = *weight;
    total += static_cast<double>(*weight);
  }
  if (total > kGreatestWeight || (*observations > 0) != (total > 0)) return std::nullopt;
  history.mean_ = history.meanPeak();
  // One history has one text: no other order and no other spelling of a number.
  if (history.encode() != whole) return std::nullopt;
  return history;
}

}  // namespace wasabi::policy
