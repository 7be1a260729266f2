// The histories of many functions as one text, to be kept from one process to the next.
//
//   wasabi-demand-histories 1
//   acme/shop 9f86d0...0a08 1 250 2097152 20 250     tenant/function, SHA-256 of its module, DemandHistory::encode()
//   end 1                                            how many there are: a text that was cut is recognised
//
// Each line ends with a newline. It is read whole or not at all: of a text that is damaged in one place, no other can
// be trusted either, and a function without a history is booked safely.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/function_name.h"
#include "base/units.h"
#include "policy/demand_history.h"

namespace wasabi::policy {

struct FunctionHistory {
  FunctionName function;
  std::string module;  // 64 lower-case hex digits
  DemandHistory history;
};

inline constexpr std::size_t kMostHistories = 100'000;
inline constexpr std::size_t kMostHistoryBytes = 64 << 20;

// No function twice. What is beyond the limits is left out, from the end.
std::string writeHistories(std::span<const FunctionHistory> histories);

// kCorrupt for what is cut, damaged or foreign, kConflict for another version, kExhausted for what is beyond the
// limits.
Result<std::vector<FunctionHistory>> readHistories(std::string_view text, TimePoint now);

}  // namespace wasabi::policy
