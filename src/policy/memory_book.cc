#include "policy/memory_book.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"

namespace wasabi::policy {

MemoryBook::MemoryBook(ByteSize capacity, BookingMode mode) : capacity_(capacity), mode_(mode), held_(1), ranges_(2) {
  setMode(mode);
}

void MemoryBook::setCapacity(ByteSize capacity) {
  capacity_ = capacity;
  recomputeBookable();
}

void MemoryBook::setUnbooked(ByteSize held) {
  unbooked_ = held;
  recomputeBookable();
}

void MemoryBook::setMode(BookingMode mode) {
  if (mode.kind == BookingMode::Kind::kRatio) {
    WASABI_CHECK(mode.ratio >= 1);
    WASABI_CHECK(std::isfinite(mode.ratio));
  } else if (mode.kind == BookingMode::Kind::kRisk) {
    WASABI_CHECK(mode.risk > 0);
    WASABI_CHECK(mode.risk < 1);
  }
  mode_ = mode;
  log_inverse_risk_ = mode.kind == BookingMode::Kind::kRisk ? -std::log(mode.risk) : 0;
  recomputeBookable();
  booked_ = bookedFor(sums_, greatestRange());
  for (Account& account : accounts_) setAlone(account, aloneOf(account));
}

void MemoryBook::recomputeBookable() {
  const std::uint64_t room = capacity_ > unbooked_ ? (capacity_ - unbooked_).value : 0;
  bookable_ = {room};
  if (mode_.kind != BookingMode::Kind::kRatio) return;
  constexpr double kMost = 0x1p62;
  bookable_ = {static_cast<std::uint64_t>(std::min(mode_.ratio * static_cast<double>(room), kMost))};
}

void MemoryBook::setLimit(FunctionId function, ByteSize limit) {
  WASABI_CHECK(function.value < kMostFunctions);
  WASABI_CHECK(limit <= kGreatestLimit);
  makePlaceFor(function.value);
  Account& account = accounts_[function.value];
  sums_.subtract(account, account.admitted);
  account.known = true;
  account.limit = limit.value;
  apply(function);
}

void MemoryBook::setTenant(FunctionId function, TenantId tenant) {
  WASABI_CHECK(known(function).admitted == 0 || known(function).tenant == tenant);
  accounts_[function.value].tenant = tenant;
  if (held_.size() <= tenant.value) held_.resize(std::size_t{tenant.value} + 1);
}

void MemoryBook::setEstimate(FunctionId function, std::optional<DemandEstimate> estimate) {
  const Account& account = known(function);
  sums_.subtract(account, account.admitted);
  estimates_[function.value] = estimate;
  apply(function);
}

void MemoryBook::forget(FunctionId function) {
  WASABI_CHECK(known(function).admitted == 0);
  accounts_[function.value] = {};
  estimates_[function.value].reset();
}

// The sums lack the account's part when this is called.
void MemoryBook::apply(FunctionId function) {
  Account& account = accounts_[function.value];
  account.mean = account.limit;
  account.deviation = 0;
  account.range = 0;
  if (const auto& estimate = estimates_[function.value]) {
    // No deviation is greater than the limit; and the estimate may be of another limit.
    account.mean = std::min(estimate->mean.value, account.limit);
    account.deviation = std::min(estimate->deviation.value, account.limit);
    account.range = std::clamp(estimate->bound.value, account.mean, account.limit) - account.mean;
  }
  setAlone(account, aloneOf(account));
  sums_.add(account, account.admitted);
  setRange(function.value, account.admitted * account.range);
  booked_ = bookedFor(sums_, greatestRange());
}

MemoryBook::Offer MemoryBook::offer(FunctionId function) const {
  const Account& account = known(function);
  const std::uint64_t admitted = account.admitted + std::uint64_t{1};
  Sums sums = sums_;
  sums.subtract(account, account.admitted);
  sums.add(account, admitted);
  const ByteSize booked = bookedFor(sums, std::max(greatestRange(), admitted * account.range));

  Verdict verdict = Verdict::kFits;
  if (account.limit > capacity_.value) {
    verdict = Verdict::kNever;
  } else if (admitted_ == kMostInvocations || (admitted_ > 0 && booked > bookable_)) {
    verdict = Verdict::kNoRoom;
  }
  return {verdict, booked - booked_, booked, bookable_, {held_[account.tenant.value] + account.alone}};
}

ByteSize MemoryBook::book(FunctionId function) {
  const Offer offered = offer(function);
  WASABI_CHECK(offered.verdict == Verdict::kFits);
  setAdmitted(function, accounts_[function.value].admitted + 1);
  ++admitted_;
  return offered.charge;
}

void MemoryBook::release(FunctionId function) {
  WASABI_CHECK(known(function).admitted > 0);
  setAdmitted(function, accounts_[function.value].admitted - 1);
  --admitted_;
}

std::uint32_t MemoryBook::admitted(FunctionId function) const {
  return known(function).admitted;
}

ByteSize MemoryBook::heldBy(TenantId tenant) const {
  return {tenant.value < held_.size() ? held_[tenant.value] : 0};
}

const MemoryBook::Account& MemoryBook::known(FunctionId function) const {
  WASABI_CHECK(function.value < accounts_.size());
  WASABI_CHECK(accounts_[function.value].known);
  return accounts_[function.value];
}

void MemoryBook::setAdmitted(FunctionId function, std::uint32_t admitted) {
  Account& account = accounts_[function.value];
  sums_.subtract(account, account.admitted);
  held_[account.tenant.value] += (std::uint64_t{admitted} - account.admitted) * account.alone;
  account.admitted = admitted;
  sums_.add(account, admitted);
  setRange(function.value, admitted * account.range);
  booked_ = bookedFor(sums_, greatestRange());
}

void MemoryBook::Sums::add(const Account& account, std::uint64_t times) {
  const Wide deviations = Wide{times} * account.deviation;
  limits += times * account.limit;
  means += times * account.mean;
  variances += deviations * deviations;
}

void MemoryBook::Sums::subtract(const Account& account, std::uint64_t times) {
  const Wide deviations = Wide{times} * account.deviation;
  limits -= times * account.limit;
  means -= times * account.mean;
  variances -= deviations * deviations;
}

// Each step is monotone in its operands, rounding included, so the whole is.
ByteSize MemoryBook::bookedFor(const Sums& sums, std::uint64_t greatest_range) const {
  if (mode_.kind != BookingMode::Kind::kRisk) return {sums.limits};
  const double above = std::sqrt(2 * log_inverse_risk_ * static_cast<double>(sums.variances)) +
                       static_cast<double>(greatest_range) * log_inverse_risk_ / 3;
  constexpr double kMost = 0x1p62;
  const auto bound = sums.means + static_cast<std::uint64_t>(std::ceil(std::min(above, kMost)));
  return {std::min(bound, sums.limits)};
}

void MemoryBook::setAlone(Account& account, std::uint64_t alone) {
  held_[account.tenant.value] += (alone - account.alone) * account.admitted;
  account.alone = alone;
}

std::uint64_t MemoryBook::aloneOf(const Account& account) const {
  Sums sums;
  sums.add(account, 1);
  return bookedFor(sums, account.range).value;
}

void MemoryBook::setRange(std::uint32_t function, std::uint64_t range) {
  std::size_t node = ranges_.size() / 2 + function;
  ranges_[node] = range;
  while (node > 1) {
    node /= 2;
    const std::uint64_t greater = std::max(ranges_[2 * node], ranges_[2 * node + 1]);
    if (ranges_[node] == greater) return;
    ranges_[node] = greater;
  }
}

void MemoryBook::makePlaceFor(std::uint32_t function) {
  if (function < accounts_.size()) return;
  accounts_.resize(function + std::size_t{1});
  estimates_.resize(accounts_.size());
  if (accounts_.size() <= ranges_.size() / 2) return;
  const std::size_t leaves = std::bit_ceil(accounts_.size());
  ranges_.assign(2 * leaves, 0);
  for (std::size_t i = 0; i < accounts_.size(); ++i) {
    ranges_[leaves + i] = accounts_[i].admitted * accounts_[i].range;
  }
  for (std::size_t node = leaves - 1; node > 0; --node) {
    ranges_[node] = std::max(ranges_[2 * node], ranges_[2 * node + 1]);
  }
}

}  // namespace wasabi::policy
