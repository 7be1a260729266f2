// The memory that is set aside for invocations from admission to their end, and whether one more fits.
//
// Each function has a declared limit L, a number n of invocations admitted and, with enough history, an estimate of
// their peaks: mean m, standard deviation s, bound B (m <= B <= L). Booked, by mode, is
//
//   declared   sum of n L                               and fits up to the room
//   ratio r    sum of n L                               and fits up to r times the room
//   risk e     min(sum of n L,                          and fits up to the room
//                  sum of n m + sqrt(2 V ln(1/e)) + R ln(1/e) / 3)
//              with V = sum of (n s)^2, R = greatest n (B - m);
//              a function without an estimate is the constant n L: m = L, s = 0, B = L
//
// The room is the capacity less what the process holds besides instances (`unbooked`).
//
// Why the bound: X_f, the sum of the n peaks of function f, is taken as n times ONE peak (fully correlated: the same
// code, the same input of the day), different functions as independent. So the X_f are independent, have the means
// n m and variances (n s)^2, and exceed their means by n (B - m) <= R at most. Bernstein's inequality (Boucheron,
// Lugosi, Massart, "Concentration Inequalities", 2013, theorem 2.10 with v = V, c = R / 3 as in corollary 2.11) says
// that their sum exceeds its mean by more than sqrt(2 V t) + R t / 3 with a probability of at most exp(-t); t =
// ln(1/e).
//
// What it rests on, and what happens where that fails:
// - peaks stay below B, the decayed observed maximum with a margin, not below L: a range of L would leave next to no
//   gain. A function that needs more than ever raises B with the first invocation that ends so (and as ln(1/e) / 3 is
//   more than 1 for e < 0.05, this one function is then booked above B for all its invocations). Until then, and for
//   what is admitted already, growth that finds no room waits, and the ledger of bytes held rules;
// - functions do not grow together. If many do (one event that makes all inputs large), the risk is NOT kept;
// - mean and deviation are estimates. With little history there is none, and the limit is booked.
//
// The bound is not additive. An invocation's charge is the increase that admitting it causes; charges do not add up to
// what is booked, and nothing is subtracted when an invocation ends: the sums are those of what is still admitted.
// All sums are of integers, so they come back to exactly what they were, in whatever order; only the bound itself is
// computed in doubles, from the sums. The greatest range lies at the root of a tournament over the functions. Booking
// and releasing take O(1), and O(log functions) where the greatest range changes; they do not allocate.
//
// What one tenant holds cannot be told apart from a bound of all, nor should the functions of others change it. So it
// is taken as the sum of what each of its invocations would be booked, were it the only one: L, or by risk
// min(L, m + s sqrt(2 t) + (B - m) t / 3). By risk these add up to more than is booked, since functions side by side
// need less.
//
// Deterministic. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "policy/demand_history.h"
#include "policy/ids.h"

namespace wasabi::policy {

struct BookingMode {
  enum class Kind : std::uint8_t { kDeclared, kRatio, kRisk };
  Kind kind = Kind::kRisk;
  double ratio = 1.43;  // of kRatio; at least 1
  double risk = 1e-3;   // of kRisk; above 0 and below 1

  static BookingMode declared() { return {Kind::kDeclared, 1, 0}; }
  static BookingMode ratioOf(double ratio) { return {Kind::kRatio, ratio, 0}; }
  static BookingMode riskOf(double risk) { return {Kind::kRisk, 1, risk}; }
  bool operator==(const BookingMode&) const = default;
};
// In configuration files and for people, by the number of the kind.
inline constexpr std::array<std::string_view, 3> kBookingModeNames = {"declared", "ratio", "risk"};
constexpr std::string_view nameOf(BookingMode::Kind mode) {
  return kBookingModeNames[static_cast<std::size_t>(mode)];
}

class MemoryBook {
 public:
  // Keep all sums within 128 bits.
  static constexpr ByteSize kGreatestLimit{std::uint64_t{1} << 40};
  static constexpr std::uint32_t kMostInvocations = 1U << 20;
  static constexpr std::uint32_t kMostFunctions = 1U << 20;

  enum class Verdict : std::uint8_t {
    kFits,
    kNoRoom,  // not now
    kNever,   // the limit is above the capacity: however many end, it will not fit
  };
  struct Offer {
    Verdict verdict;
    ByteSize charge;    // by how much booking it would raise what is booked
    ByteSize booked;    // what would be booked then
    ByteSize bookable;  // how much may be
    ByteSize held{};    // by its tenant, it included
  };

  MemoryBook(ByteSize capacity, BookingMode mode);

  // Changes of these move what is booked, and never take a booking back: booked() may come to lie above bookable().
  void setCapacity(ByteSize capacity);
  void setMode(BookingMode mode);
  void setUnbooked(ByteSize held);  // programs, warm slots, buffers

  // A function must be made known by its limit, of at most kGreatestLimit, before anything else is said or asked of it.
  // A limit may change while invocations are admitted, and counts for them too: with several versions it is their
  // greatest.
  void setLimit(FunctionId function, ByteSize limit);
  // Whose it is: the first tenant's, until this is said. Of one of which anything is admitted it does not change.
  void setTenant(FunctionId function, TenantId tenant);
  void setEstimate(FunctionId function, std::optional<DemandEstimate> estimate);
  // None of its invocations may be admitted.
  void forget(FunctionId function);

  // What booking one more would do; changes nothing. With nothing admitted, all that is not above the capacity fits,
  // whatever is held unbooked: waiting would resolve nothing, and the holder of programs and warm slots can let them
  // go.
  Offer offer(FunctionId function) const;
  // What offer() said must be kFits. Returns the charge it said.
  ByteSize book(FunctionId function);
  // Once for each book().
  void release(FunctionId function);

  const BookingMode& mode() const { return mode_; }
  ByteSize capacity() const { return capacity_; }
  ByteSize unbooked() const { return unbooked_; }
  ByteSize bookable() const { return bookable_; }
  ByteSize booked() const { return booked_; }
  ByteSize heldBy(TenantId tenant) const;
  // What one of the function's is booked, were it the only one.
  ByteSize alone(FunctionId function) const { return {known(function).alone}; }
  ByteSize sumOfLimits() const { return {sums_.limits}; }
  std::uint64_t admitted() const { return admitted_; }
  std::uint32_t admitted(FunctionId function) const;

 private:
  using Wide = unsigned __int128;
  // What booking looks at. Without an estimate: mean = limit, deviation = range = 0.
  struct Account {
    std::uint64_t limit = 0;
    std::uint64_t mean = 0;
    std::uint64_t deviation = 0;
    std::uint64_t range = 0;  // bound less mean
    std::uint64_t alone = 0;  // what one is booked if there is no other
    TenantId tenant;
    std::uint32_t admitted = 0;
    bool known = false;
  };
  struct Sums {
    std::uint64_t limits = 0;
    std::uint64_t means = 0;
    Wide variances = 0;

    void add(const Account& account, std::uint64_t times);
    void subtract(const Account& account, std::uint64_t times);
  };

  const Account& known(FunctionId function) const;
  void apply(FunctionId function);  // limit and estimate to the account
  void setAlone(Account& account, std::uint64_t alone);
  std::uint64_t aloneOf(const Account& account) const;
  void setAdmitted(FunctionId function, std::uint32_t admitted);
  void setRange(std::uint32_t function, std::uint64_t range);
  std::uint64_t greatestRange() const { return ranges_[1]; }
  ByteSize bookedFor(const Sums& sums, std::uint64_t greatest_range) const;
  void recomputeBookable();
  void makePlaceFor(std::uint32_t function);

  ByteSize capacity_;
  ByteSize unbooked_;
  BookingMode mode_;
  double log_inverse_risk_ = 0;  // ln(1/e)
  ByteSize bookable_;
  ByteSize booked_;
  Sums sums_;
  std::uint64_t admitted_ = 0;
  // Both by the value of the FunctionId.
  std::vector<Account> accounts_;
  std::vector<std::optional<DemandEstimate>> estimates_;
  std::vector<std::uint64_t> held_;  // by the value of the TenantId
  // A tournament: the leaf of function i is ranges_[leaves + i], node i holds the greater of 2i and 2i + 1.
  std::vector<std::uint64_t> ranges_;
};

}  // namespace wasabi::policy
