#include "node/box_words.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace wasabi::node {
namespace {

constexpr std::string_view kNoRoom = "wasabi-no-room";
constexpr std::string_view kBooked = "wasabi-booked";
constexpr std::string_view kProxyStatus = "proxy-status";  // RFC 9209
constexpr std::string_view kRoute = "wasabi-route";
constexpr std::string_view kClient = "wasabi-client";
constexpr std::string_view kScheme = "wasabi-scheme";

// What only limits of the function or its tenant forbid, or its own share of the CPU: others may still have room there.
constexpr std::array<std::string_view, 6> kOwnLacks = {"queue.function_concurrency",
                                                       "queue.tenant_concurrency",
                                                       "queue.tenant_share",
                                                       "queue.cpu_quota",
                                                       "queue.cpu",
                                                       "not_here"};

}  // namespace

void addWordsOfClient(http::Fields& headers, std::string_view client, std::string_view scheme) {
  headers.set(kClient, client);
  headers.set(kScheme, scheme);
}

void addWordsOfRoute(http::Fields& headers, std::string_view route) {
  headers.set(kRoute, route);
}

std::optional<policy::Dispatch::Lack> lackOf(const http::Fields& headers) {
  const auto reason = headers.find(kNoRoom);
  if (!reason) return std::nullopt;
  const bool own = std::find(kOwnLacks.begin(), kOwnLacks.end(), *reason) != kOwnLacks.end();
  return own ? policy::Dispatch::Lack::kOwn : policy::Dispatch::Lack::kShared;
}

std::optional<ByteSize> bookingOf(const http::Fields& headers) {
  const auto bytes = parseDecimal<std::uint64_t>(headers.find(kBooked).value_or(""));
  // Nothing runs in no memory: a box may have been taken over.
  if (!bytes || *bytes == 0) return std::nullopt;
  return ByteSize{*bytes};
}

// `wasabi; error=...; details="function.trap"`
std::string outcomeOf(const http::Fields& headers) {
  constexpr std::string_view kDetails = "details=\"";
  const std::string_view text = headers.find(kProxyStatus).value_or("");
  const std::size_t begin = text.find(kDetails);
  if (!text.starts_with("wasabi;") || begin == std::string_view::npos) return {};
  const std::string_view word = text.substr(begin + kDetails.size());
  return std::string(word.substr(0, word.find('"')));
}

}  // namespace wasabi::node
