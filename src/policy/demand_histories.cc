#include "policy/demand_histories.h"

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/text.h"

namespace wasabi::policy {
namespace {

constexpr std::string_view kName = "wasabi-demand-histories ";
constexpr std::string_view kVersion = "1";
constexpr std::string_view kEnd = "end ";
constexpr std::size_t kModuleDigits = 64;
constexpr std::size_t kLongestEnd = 16;

// Takes the first line off the text, without its end; nothing where no line ends.
std::optional<std::string_view> takeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

bool isModule(std::string_view text) {
  return text.size() == kModuleDigits &&
         std::ranges::all_of(text, [](char c) { return hexValue(c) >= 0 && toLower(c) == c; });
}

std::optional<FunctionHistory> historyOf(std::string_view line, TimePoint now) {
  const std::size_t name_end = line.find(' ');
  if (name_end == std::string_view::npos) return std::nullopt;
  auto name = parseFunctionName(line.substr(0, name_end));
  line.remove_prefix(name_end + 1);
  if (!name || line.size() <= kModuleDigits || line[kModuleDigits] != ' ') return std::nullopt;
  const std::string_view module = line.substr(0, kModuleDigits);
  auto history = DemandHistory::decode(line.substr(kModuleDigits + 1), now);
  if (!isModule(module) || !history) return std::nullopt;
  return FunctionHistory{std::move(*name), std::string(module), *history};
}

Result<void> checkFirstLine(std::string_view line) {
  if (!line.starts_with(kName)) return fail(ErrorCode::kCorrupt, "it is no file of histories");
  line.remove_prefix(kName.size());
  if (line == kVersion) return {};
  constexpr std::size_t kShown = 20;
  return fail(ErrorCode::kConflict,
              "it has version '" + std::string(line.substr(0, kShown)) + "', and this is for " + std::string(kVersion));
}

// What is left of the text begins with the line of the count.
Result<void> checkEnd(std::string_view text, std::size_t histories) {
  const auto line = takeLine(text);
  if (!line) return fail(ErrorCode::kCorrupt, "its end is missing");
  if (!text.empty()) return fail(ErrorCode::kCorrupt, "it goes on after its end");
  if (line->substr(kEnd.size()) != std::to_string(histories)) {
    return fail(ErrorCode::kCorrupt, "it has " + std::to_string(histories) + " histories, but its end tells of others");
  }
  return {};
}

}  // namespace

std::string writeHistories(std::span<const FunctionHistory> histories) {
  std::string text(kName);
  text.append(kVersion) += '\n';
  std::size_t written = 0;
  for (const FunctionHistory& one : histories.first(std::min(histories.size(), kMostHistories))) {
    const std::string line = one.function.toString() + ' ' + one.module + ' ' + one.history.encode() + '\n';
    if (text.size() + line.size() + kLongestEnd > kMostHistoryBytes) break;
    text += line;
    ++written;
  }
  text.append(kEnd);
  appendDecimal(text, written);
  text += '\n';
  return text;
}

Result<std::vector<FunctionHistory>> readHistories(std::string_view text, TimePoint now) {
  if (text.size() > kMostHistoryBytes) return fail(ErrorCode::kExhausted, "it is larger than any that is written");
  if (text.empty()) return fail(ErrorCode::kCorrupt, "it is empty");
  auto line = takeLine(text);
  if (auto first = checkFirstLine(line.value_or(std::string_view())); !first) return fail(std::move(first.error()));

  std::vector<FunctionHistory> histories;
  std::unordered_set<FunctionName> seen;
  while (!text.starts_with(kEnd)) {
    const std::string number = std::to_string(histories.size() + 2);
    line = takeLine(text);
    if (!line) return fail(ErrorCode::kCorrupt, "it was cut in line " + number);
    auto history = historyOf(*line, now);
    if (!history) return fail(ErrorCode::kCorrupt, "line " + number + " is no history of a function");
    if (!seen.insert(history->function).second) {
      return fail(ErrorCode::kCorrupt, "line " + number + " names a function a second time");
    }
    if (histories.size() == kMostHistories)
      return fail(ErrorCode::kExhausted, "it has more lines than any that is written");
    histories.push_back(std::move(*history));
  }
  if (auto end = checkEnd(text, histories.size()); !end) return fail(std::move(end.error()));
  return histories;
}

}  // namespace wasabi::policy
